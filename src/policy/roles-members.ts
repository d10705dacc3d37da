import type { Access } from '../core/subject.ts';
import type { Path } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { didYouMean, type Fields, isMap, type Report } from './report.ts';
import type { RoleSet } from './roles.ts';
import { PROVIDER } from './roles-shape.ts';

/** Problems with members that are told, errors and warnings each; the file has them all. */
const MAX_PROBLEMS = 100;
/** Providers that a suggestion names. */
const MAX_NAMED = 3;

type Members = Pick<RoleSet, 'ofGroup' | 'ofProviderGroup' | 'ofUser'>;

/**
 * Who has which role by `members`. What has the wrong shape is passed over, and so is a role that is not among `roles`: both
 * are told elsewhere.
 *
 * @param providers ids of the providers of the configuration; undefined: not known, and nothing is said of them
 */
export function readMembers(
  report: Report,
  members: unknown,
  roles: ReadonlyMap<string, Access>,
  providers: readonly string[] | undefined,
): Members {
  const ofGroup = new Map<string, Access[]>();
  const ofProviderGroup = new Map<string, Access[]>();
  const ofUser = new Map<string, Access[]>();
  for (const [name, item] of isMap(members) ? Object.entries(members) : []) {
    const role = roles.get(name);
    const { groups, users } = isMap(item) ? item : ({} as Fields);
    for (const [group, path] of textsOf(groups, ['members', name, 'groups'])) {
      if (GROUP.test(group)) checkProvider(report, group, path, providers);
      else if (group.includes(':')) refuseGroup(report, group, path);
      else warnOfBareGroup(report, group, path, providers);
      // one reading, with and without a configuration: whatever stands before a colon is a provider, known or not
      addTo(group.includes(':') ? ofProviderGroup : ofGroup, group, role);
    }
    for (const [user, path] of textsOf(users, ['members', name, 'users'])) {
      if (USER.test(user)) checkProvider(report, user, path, providers);
      else refuseUser(report, user, path);
      addTo(ofUser, user, role);
    }
  }
  return { ofGroup, ofProviderGroup, ofUser };
}

const textsOf = (value: unknown, path: Path): (readonly [string, Path])[] =>
  (Array.isArray(value) ? (value as unknown[]) : []).flatMap((item, index) =>
    typeof item === 'string' ? [[item, [...path, index]] as const] : [],
  );

function addTo(map: Map<string, Access[]>, name: string, role: Access | undefined): void {
  if (role === undefined) return;
  const held = map.get(name);
  if (held === undefined) map.set(name, [role]);
  else held.push(role);
}

const USER = new RegExp(`^${PROVIDER}:.`);
const GROUP = new RegExp(`^${PROVIDER}:\\S`);

/** A user is (provider, sub): a bare name would be anybody whom any provider calls so. */
function refuseUser(report: Report, user: string, path: Path): void {
  if (user === '' || report.errors() >= MAX_PROBLEMS) return;
  const shown = user.slice(0, 128);
  if (user.includes(':')) {
    const message = `"${shown}" does not begin with the id of a provider.`;
    report.error(path, 'bad-user', message, 'PROVIDER:NAME, such as staff:ann');
    return;
  }
  const message = `"${shown}" does not say whose user it is; two providers could have one of this name.`;
  report.error(path, 'bare-user-name', message, `PROVIDER:${shown}, such as staff:${shown}`);
}

function refuseGroup(report: Report, group: string, path: Path): void {
  if (report.errors() >= MAX_PROBLEMS) return;
  const shown = group.slice(0, 128);
  const message = `"${shown}" has a colon and does not begin with the id of a provider.`;
  report.error(path, 'bad-group', message, 'PROVIDER:GROUP without a space between, such as staff:leads');
}

/** A bare group is right where one provider says groups, and an open door once another one does. */
function warnOfBareGroup(report: Report, group: string, path: Path, providers: readonly string[] | undefined): void {
  if (providers === undefined || providers.length < 2 || report.findings.length >= MAX_PROBLEMS) return;
  const shown = group.slice(0, 128);
  const whose = [...providers.slice(0, MAX_NAMED), ...(providers.length > MAX_NAMED ? ['…'] : [])];
  const message = `Several providers say groups (${whose.join(', ')}): whoever is in a group "${shown}" of any of them has the role.`;
  report.warn(path, 'bare-group-name', message, `Write whose it is, such as ${providers[0]}:${shown}.`);
}

/** Not an error: a provider must be quick to take out of a configuration, and what is said of it gives nobody anything then. */
function checkProvider(report: Report, text: string, path: Path, providers: readonly string[] | undefined): void {
  const provider = text.slice(0, text.indexOf(':'));
  if (providers === undefined || providers.includes(provider) || report.findings.length >= MAX_PROBLEMS) return;
  const message = `The configuration has no provider "${provider}": nobody has the role by this.`;
  report.warn(path, 'unknown-provider', message, didYouMean(suggest(provider, providers)));
}
