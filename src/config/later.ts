import type { Finding } from '../core/finding.ts';
import { errorAt, type Path, type SourceDocument } from '../schema/document.ts';

/** Keys that are promised and not built yet; `*` stands for every item of a list. Each is refused by name. */
const LATER_KEYS: readonly (readonly [path: string, what: string])[] = [
  ['listen.https', 'HTTPS on the gateway itself'],
  ['portal', 'One sign-in for many hosts (portal)'],
  ['geo', 'Geography (geo)'],
  ['forward_auth', 'Forward-auth'],
  ['routes.*.grace', 'A grace for a lost store'],
  ['routes.*.strip_prefix', 'Rewriting of paths'],
  ['routes.*.retries', 'Retries'],
  ['routes.*.health_check', 'Health checks of applications'],
];

/** Values that are promised and not built yet, by the kind of value or by the word. */
const LATER_VALUES: readonly (readonly [path: string, is: (value: unknown) => boolean, what: string])[] = [
  ['routes.*.upstream', Array.isArray, 'A list of upstream addresses'],
  ['routes.*.identity_headers', (value) => typeof value === 'string', 'Presets of identity headers'],
];

const LATER_PROVIDERS: ReadonlyMap<string, string> = new Map([
  ['oidc', 'OpenID Connect'],
  ['mtls', 'Client certificates'],
]);

/**
 * Takes out of a document what this version promises but does not have, with one clear finding for each, so that the schema
 * does not call it a mistake of spelling. The result is for checking only: it never comes into force, since there are errors.
 */
export function refuseLater(document: SourceDocument): {
  readonly document: SourceDocument;
  readonly findings: Finding[];
  /** what was taken out or replaced */
  readonly paths: readonly Path[];
} {
  const findings: Finding[] = [];
  const paths: Path[] = [];
  const value = copy(document.value);
  const refuse = (path: Path, which: 'key' | 'value', what: string): void => {
    const message = `${what} is not available in this version yet.`;
    findings.push(errorAt(document.file, document.locate(path, which), 'not-available-yet', message));
    paths.push(path);
  };
  for (const [pattern, what] of LATER_KEYS) {
    visit(value, pattern.split('.'), (holder, key, path) => {
      Reflect.deleteProperty(holder, key);
      refuse(path, 'key', what);
    });
  }
  for (const [pattern, is, what] of LATER_VALUES) {
    visit(value, pattern.split('.'), (holder, key, path) => {
      if (!is(Reflect.get(holder, key))) return;
      Reflect.set(holder, key, pattern.endsWith('upstream') ? 'http://placeholder' : Object.create(null));
      refuse(path, 'value', what);
    });
  }
  visit(value, ['identity', 'providers', '*', 'type'], (holder, key, path) => {
    const type = String(Reflect.get(holder, key));
    const what = LATER_PROVIDERS.get(type);
    if (what === undefined) return;
    // the provider's other keys belong to a type that is not known yet
    for (const other of Object.keys(holder)) if (other !== 'id') Reflect.deleteProperty(holder, other);
    Reflect.set(holder, key, 'local');
    refuse(path, 'value', `${what} (type ${type})`);
  });
  return { document: { ...document, value }, findings, paths };
}

type Visit = (holder: object, key: string, path: Path) => void;

function visit(root: unknown, steps: readonly string[], found: Visit): void {
  const walk = (value: unknown, at: number, path: Path): void => {
    if (typeof value !== 'object' || value === null) return;
    const step = steps[at] as string;
    if (step === '*') {
      if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, at + 1, [...path, i]);
      return;
    }
    if (Array.isArray(value) || !Object.hasOwn(value, step)) return;
    if (at === steps.length - 1) found(value, step, [...path, step]);
    else walk(Reflect.get(value, step), at + 1, [...path, step]);
  };
  walk(root, 0, []);
}

/** A deep copy of parsed data, maps without prototype. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) out[key] = copy(item);
  return out;
}
