import type { Attribute, Catalogue, Reader } from '../core/attribute.ts';
import type { Proof } from '../core/decision.ts';
import { absent, type Reading, unknown } from '../core/signal.ts';
import { parseGivenValue } from './given.ts';
import { describedProofs } from './literal-catalogue.ts';
import { literalName, resolveName, suggestName } from './names.ts';
import { didYouMean } from './report.ts';

/** A context some of whose attributes are replaced (`explain --set`, `--absent`, `--unknown`). Keys of `set` are literal names. */
export interface Overlaid<C> {
  readonly base: C;
  readonly set: ReadonlyMap<string, Reading>;
}

/** A replacement that cannot be made, in a sentence. */
export interface OverlayProblem {
  readonly message: string;
  readonly suggestion?: string;
}

/** Reads what was asked to be replaced; values are data as YAML gives them. */
export function parseOverlay<C>(
  catalogue: Catalogue<C>,
  wanted: {
    readonly set?: readonly (readonly [name: string, value: unknown])[];
    readonly absent?: readonly string[];
    readonly unknown?: readonly string[];
  },
): { readonly set: ReadonlyMap<string, Reading>; readonly problems: readonly OverlayProblem[] } {
  const set = new Map<string, Reading>();
  const problems: OverlayProblem[] = [];
  const problem = (message: string, suggestion: string | undefined): void => {
    problems.push(suggestion === undefined ? { message } : { message, suggestion });
  };
  const put = (
    name: string,
    readingOf: (known: NonNullable<ReturnType<typeof resolveName>>) => Reading | undefined,
  ): void => {
    const ref = resolveName(catalogue.attributes, name);
    if (ref === undefined) {
      problem(`There is no attribute "${name}".`, didYouMean(suggestName(catalogue.attributes, name)));
      return;
    }
    const reading = readingOf(ref);
    if (reading !== undefined) set.set(literalName(ref), reading);
  };
  for (const [name, value] of wanted.set ?? []) {
    put(name, (ref) => {
      const spec = catalogue.attributes.get(ref.name);
      const parsed = spec === undefined ? undefined : parseGivenValue(ref, spec, value);
      if (parsed?.ok === true) return parsed.reading;
      if (parsed !== undefined) problem(parsed.message, parsed.suggestion);
      return undefined;
    });
  }
  for (const name of wanted.absent ?? []) put(name, () => absent);
  for (const name of wanted.unknown ?? []) put(name, () => unknown);
  return { set, problems };
}

/**
 * A catalogue over overlaid contexts: what is replaced reads as it was set, everything else as in the base. Who signed in
 * follows `identity.authenticated` and `identity.sub`, the proofs follow `identity.assurance`, `auth_age` and `amr`, the
 * instant follows `time.now`. Other attributes do not follow by themselves: whoever sets `time.now` gives a base of that
 * instant, so that hours and ages are of the same request.
 */
export function overlayCatalogue<C>(catalogue: Catalogue<C>): Catalogue<Overlaid<C>> {
  const attributes = new Map<string, Attribute<Overlaid<C>>>();
  const authenticated = ({ base, set }: Overlaid<C>): boolean => {
    const stated = set.get('identity.authenticated');
    if (stated !== undefined) return stated === true;
    const sub = set.get('identity.sub');
    return sub === undefined ? catalogue.authenticated(base) : typeof sub === 'string';
  };
  const now = ({ base, set }: Overlaid<C>): number => {
    const stated = set.get('time.now');
    return typeof stated === 'number' ? stated : catalogue.now(base);
  };
  for (const [name, attribute] of catalogue.attributes) {
    attributes.set(name, overlayAttribute(attribute, name === 'identity.authenticated' ? authenticated : undefined));
  }
  const bound = DESCRIBED.map(
    (name) => [name, attributes.get(name)?.bind({ key: undefined, timeZone: 'UTC' })] as const,
  );
  // what nobody asked to be unknown, and the base cannot tell, takes the default that it has in tests
  const describe = (context: Overlaid<C>): Reading[] =>
    bound.map(([name, read]) => {
      const reading = read?.(context) ?? absent;
      return reading === unknown && !context.set.has(name) ? absent : reading;
    });
  const proofs = (context: Overlaid<C>): readonly Proof[] => {
    if (!authenticated(context)) return [];
    if (!DESCRIBED.some((name) => context.set.has(name))) return catalogue.proofs(context.base);
    const [assurance, age, amr] = describe(context) as [Reading, Reading, Reading];
    return describedProofs(assurance, age, amr, now(context));
  };
  return { attributes, authenticated, proofs, now };
}

const DESCRIBED = ['identity.assurance', 'identity.auth_age', 'identity.amr'] as const;

function overlayAttribute<C>(
  attribute: Attribute<C>,
  derived: Reader<Overlaid<C>> | undefined,
): Attribute<Overlaid<C>> {
  const { origin, ...spec } = attribute;
  return {
    ...spec,
    ...(origin === undefined ? {} : { origin: (context: Overlaid<C>) => origin(context.base) }),
    bind: (site) => {
      const { key } = site;
      const written = key === undefined ? attribute.name : attribute.name.slice(0, -1) + key;
      const known = literalName({ written, name: attribute.name, key, type: attribute.type });
      const base = attribute.bind(site);
      return (context) => context.set.get(known) ?? (derived === undefined ? base(context.base) : derived(context));
    },
  };
}
