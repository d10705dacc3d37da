import { type TSchema, Type } from 'typebox';
import { type Finding, hasErrors } from '../core/finding.ts';
import { ANNOTATIONS } from '../schema/annotations.ts';
import type { Path } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { compileSchema } from '../schema/validate.ts';
import { readYaml } from '../schema/yaml.ts';
import { didYouMean, type Fields, isMap, openReport, type Report } from './report.ts';
import { NO_ROLES, type Permission, type RoleSet, SCOPES } from './roles.ts';
import { closeRoles, MAX_CLOSURE, type RoleDraft } from './roles-closure.ts';
import { readMembers } from './roles-members.ts';
import { LINE, rolesShape, WORD } from './roles-shape.ts';

const LATER = ['contextual'] as const;
const anything: TSchema = Type.Optional(Type.Unknown());
const later = Object.fromEntries(LATER.map((key) => [key, anything]));
const checkShape = compileSchema(rolesShape({ checksNames: false, later }));

/** The JSON Schema (draft-07) of `roles.yaml`, for editors. Loading checks more: names that there are not, circles. */
export const rolesSchema = (): object => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Sallyport roles',
  ...(JSON.parse(JSON.stringify(rolesShape({ checksNames: true, later: {} }), withoutAnnotations)) as object),
});

const withoutAnnotations = (key: string, value: unknown): unknown =>
  (ANNOTATIONS as readonly string[]).includes(key) ? undefined : value;

/** A path that ends in the reserved name. */
export const isRolesFile = (file: string): boolean => /(?:^|[\\/])roles\.ya?ml$/.test(file);

/** More than this of either is refused: nobody reads such a file, and a name that is not there is compared with all. */
const MAX_NAMES = 10_000;
/** Problems with names that are told; the file has them all. */
const MAX_PROBLEMS = 100;

/**
 * Reads and checks a `roles.yaml`; without one there are no roles. All problems at once, in the order of the file; with an
 * error among them the set is empty. Never throws.
 *
 * @param providers ids of the providers of the configuration; undefined where there is none, and then nothing is said of them
 */
export function loadRoles(
  source: { readonly file: string; readonly text: string } | undefined,
  providers?: readonly string[],
): { readonly roles: RoleSet; readonly findings: Finding[] } {
  if (source === undefined) return { roles: NO_ROLES, findings: [] };
  const { document, findings } = readYaml(source.file, source.text);
  if (document === undefined) return { roles: NO_ROLES, findings };
  const report = openReport(document);
  const read = isMap(document.value) ? readRoles(report, document.value, providers) : NO_ROLES;
  findings.push(...checkShape(document), ...report.findings);
  findings.sort((a, b) => a.line - b.line || a.column - b.column);
  return { roles: hasErrors(findings) ? NO_ROLES : Object.freeze({ ...read, file: source.file }), findings };
}

/** What has the wrong shape is passed over: the shape's own check tells of it. */
function readRoles(report: Report, value: Fields, providers: readonly string[] | undefined): RoleSet {
  for (const key of LATER)
    if (key in value) report.error([key], 'not-available-yet', `"${key}" is not available yet.`, 'remove it');
  const permissions = new Map<string, Permission>();
  for (const [name, item] of entriesOf(report, value, 'permissions'))
    permissions.set(name, parsePermission(isMap(item) ? item : {}));
  const entries = entriesOf(report, value, 'roles');
  const known = new Set(entries.map(([name]) => name));
  const drafts = new Map<string, RoleDraft>();
  for (const [name, item] of entries) {
    const fields = isMap(item) ? item : {};
    const path = ['roles', name];
    drafts.set(name, {
      inherits: knownNames(report, fields.inherits, [...path, 'inherits'], known, 'role'),
      permissions: knownNames(report, fields.permissions, [...path, 'permissions'], permissions, 'permission'),
    });
  }
  const { roles, circles, tooLarge } = closeRoles(drafts);
  for (const circle of circles.slice(0, MAX_PROBLEMS)) reportCircle(report, value, circle);
  if (tooLarge !== undefined) {
    const message = `With "${tooLarge}" the roles hold more than ${MAX_CLOSURE} names once inheritance is written out.`;
    report.error(['roles', tooLarge], 'roles-too-large', message);
  }
  for (const name of isMap(value.members) ? Object.keys(value.members) : [])
    if (!known.has(name)) unknownName(report, ['members', name], name, known, 'role');
  return { file: undefined, permissions, roles, ...readMembers(report, value.members, roles, providers) };
}

function entriesOf(report: Report, value: Fields, key: 'permissions' | 'roles'): [string, unknown][] {
  const section = value[key];
  const entries = isMap(section) ? Object.entries(section) : [];
  if (entries.length > MAX_NAMES) {
    report.error([key], 'too-many-names', `There are ${entries.length} ${key}; at most ${MAX_NAMES} are possible.`);
    entries.length = MAX_NAMES;
  }
  const { pattern, what, hint } = NAMES[key];
  for (const [name] of entries) {
    if (pattern.test(name) || report.errors() >= MAX_PROBLEMS) continue;
    report.error([key, name], 'bad-key', `"${name.slice(0, 128)}" cannot be the name of a ${what}.`, hint);
  }
  return entries;
}

const NAMES = {
  permissions: {
    pattern: new RegExp(WORD, 'u'),
    what: 'permission',
    hint: 'at most 128 letters, digits, and . _ : - after the first',
  },
  roles: {
    pattern: new RegExp(LINE, 'u'),
    what: 'role',
    hint: 'at most 128 characters on one line, without space around them',
  },
} as const;

function parsePermission(item: Fields): Permission {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return Object.freeze({
    resource: text(item.resource),
    subresource: item.subresource === undefined ? undefined : text(item.subresource),
    action: text(item.action),
    // the narrowest, where the shape's check has found that it is none of the words
    scope: SCOPES.find((scope) => scope === item.scope) ?? 'own',
  });
}

type Known = ReadonlySet<string> | ReadonlyMap<string, unknown>;

/** The items of a list that name something, each once; the others are reported. */
function knownNames(report: Report, value: unknown, path: Path, known: Known, what: 'role' | 'permission'): string[] {
  const names = new Set<string>();
  if (Array.isArray(value))
    (value as unknown[]).forEach((item, index) => {
      if (typeof item !== 'string') return;
      if (known.has(item)) names.add(item);
      else unknownName(report, [...path, index], item, known, what);
    });
  return [...names];
}

function unknownName(report: Report, path: Path, name: string, known: Known, what: 'role' | 'permission'): void {
  if (report.errors() >= MAX_PROBLEMS) return;
  const message = `There is no ${what} "${name.slice(0, 128)}" in this file.`;
  report.error(path, `unknown-${what}`, message, didYouMean(suggest(name, known.keys())));
}

function reportCircle(report: Report, value: Fields, circle: readonly string[]): void {
  const [first, second = first] = circle as [string, string?];
  const section = isMap(value.roles) ? value.roles[first] : undefined;
  const inherits = isMap(section) && Array.isArray(section.inherits) ? (section.inherits as unknown[]) : [];
  const shown = circle.length > 8 ? [...circle.slice(0, 8), '…'] : circle;
  const path = ['roles', first, 'inherits', inherits.indexOf(second)];
  report.error(path, 'role-cycle', `Roles inherit in a circle: ${[...shown, first].join(' → ')}.`);
}
