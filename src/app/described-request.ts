import { isIP } from 'node:net';
import type { Configuration } from '../config/schema.ts';
import { cidrSet } from '../core/address.ts';
import { type CanonicalOptions, canonicalise } from '../core/canonical.ts';
import type { Elevation } from '../core/decision.ts';
import type { RequestFacts } from '../core/facts.ts';
import { headerTable } from '../core/header-names.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Session } from '../core/session.ts';
import { type Reading, unknown } from '../core/signal.ts';
import { type Access, type Subject, userId } from '../core/subject.ts';
import { type Accounts, subjectOf } from '../identity/accounts.ts';
import { resolveUser } from '../identity/resolve-user.ts';
import { deriveRoles, type RoleSet } from '../policy/roles.ts';
import type { RequestContext } from '../signals/context.ts';
import { takesBearerTokens } from './plane.ts';

/** What was written describes no request; the message says why, in words for whoever wrote it. */
export class WrongDescription extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WrongDescription';
  }
}

/** A request as somebody describes it, at the shell or through the administration API. */
export interface DescribedRequest {
  readonly method: string;
  /** absolute address, or a path */
  readonly url: string;
  /** `Name: value` */
  readonly headers: readonly string[];
  readonly clientAddress: string;
}

/** What the gateway would say before any policy is asked. */
export interface Refused {
  readonly kind: 'refusal';
  readonly reason: ReasonCode;
  readonly detail: string;
}

/** What of a configuration decides how a request is read. */
export type RequestConfiguration = Pick<Configuration, 'routes' | 'identity' | 'limits' | 'trusted_proxies'>;

/**
 * The facts of a described request, read exactly as the gateway of this configuration would, or its refusal to read it so.
 * Without a configuration the limits are wide. `at` is wall-clock ms.
 * @throws WrongDescription when what was written is no request at all
 */
export function describedFacts(
  request: DescribedRequest,
  config: RequestConfiguration | undefined,
  at: number,
): RequestFacts | Refused {
  const match = ADDRESS.exec(request.url);
  if (match === null || request.url === '') {
    throw new WrongDescription(
      `${JSON.stringify(request.url)} is no address: write https://host/path, or /path for a host of the configuration`,
    );
  }
  const [, scheme, , path = '/'] = match;
  const rawHeaders = request.headers.flatMap((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new WrongDescription(`not a header: ${line} (write 'Name: value')`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  if (isIP(request.clientAddress) === 0)
    throw new WrongDescription(`${JSON.stringify(request.clientAddress)} is no IP address`);
  const head = {
    method: request.method,
    target: path.startsWith('?') ? `/${path}` : path,
    httpVersion: '1.1',
    rawHeaders: ['Host', describedHost(request.url, config), ...rawHeaders],
    peerAddress: request.clientAddress,
    secure: scheme?.toLowerCase() === 'https',
  };
  const read = canonicalise(head, 'explain', at, canonicalOptions(config));
  if (read.kind === 'refusal') return { kind: 'refusal', reason: read.reason, detail: read.detail };
  return read;
}

const ADDRESS = /^(?:(https?):\/\/([^/?#]+))?([/?].*)?$/is;

/** A path alone is asked of localhost when a route takes every host, else of the first host that a route names. */
export function describedHost(url: string, config: RequestConfiguration | undefined): string {
  const said = ADDRESS.exec(url)?.[2];
  if (said !== undefined) return said;
  const hosts = config?.routes.map((route) => route.match.host) ?? [];
  return hosts.includes(undefined) ? 'localhost' : (hosts[0]?.replace(/^\*\./, 'any.') ?? 'localhost');
}

const canonicalOptions = (config: RequestConfiguration | undefined): CanonicalOptions => ({
  maxHeadBytes: config?.limits.head ?? 65_536,
  maxHeaders: config?.limits.headers ?? 1000,
  maxTargetBytes: config?.limits.target ?? 65_536,
  headerTable: headerTable(
    (config?.routes ?? []).flatMap((route) =>
      Object.values(route.identity_headers).filter((name) => typeof name === 'string'),
    ),
  ),
  isTrustedProxy: cidrSet(config?.trusted_proxies ?? []),
  plainCookies: true,
  bearerTokens: config !== undefined && takesBearerTokens(config),
});

/** What a policy is judged on: the request, and a person who has just signed in with a password, or nobody. */
export function describedContext(
  facts: RequestFacts,
  params: ReadonlyMap<string, string>,
  subject: Subject | undefined,
  access: Access | undefined,
  elevation: Elevation,
): RequestContext {
  const session = subject && sessionOf(subject, facts);
  return { facts, params, subject, access, session, lastActivityAt: facts.at, elevation };
}

/**
 * Roles and permissions follow the groups and roles that were set (`--set`, `--absent`, `--unknown`), so that one can ask
 * what a group would bring; one that is unknown leaves them unknown.
 */
export function describedAccess(
  roles: RoleSet,
  subject: Subject | undefined,
  set: ReadonlyMap<string, Reading>,
): Access | undefined {
  if (subject === undefined) return undefined;
  const groups = set.get('identity.groups') ?? subject.groups;
  const own = set.get('identity.roles') ?? subject.roles;
  if (groups === unknown || own === unknown) return undefined;
  const { user, provider } = subject;
  return deriveRoles(roles, { user, provider, groups: listOf(groups), roles: listOf(own) });
}

/** Absent is what an empty list is. */
const listOf = (reading: Reading): readonly string[] => (Array.isArray(reading) ? (reading as readonly string[]) : []);

function sessionOf(subject: Subject, facts: RequestFacts): Session {
  const { at } = facts;
  return {
    id: 'ses_explain',
    partition: '00',
    subject,
    createdAt: at,
    lastActivityAt: at,
    absoluteExpiryAt: Number.POSITIVE_INFINITY,
    proofs: [{ method: 'password', level: 'none', at }],
    address: facts.clientAddress,
    userAgent: '',
    ended: undefined,
  };
}

/** Somebody without an account: a name and nothing else. */
export function bareSubject(name: string): Subject {
  const colon = name.indexOf(':');
  const provider = colon < 0 ? 'local' : name.slice(0, colon);
  const sub = name.slice(colon + 1);
  return {
    user: userId(provider, sub),
    provider,
    sub,
    kind: 'person',
    email: undefined,
    emailVerified: undefined,
    name: undefined,
    groups: [],
    roles: [],
    acr: undefined,
    claims: new Map(),
  };
}

/** The account of that name if there is one, else a bare name. @throws WrongDescription when several have it */
export async function subjectNamed(accounts: readonly Accounts[], name: string): Promise<Subject> {
  const found = await resolveUser(accounts, name);
  if (found.ok) return subjectOf(found.account);
  if (found.reason === 'unknown') return bareSubject(name);
  throw new WrongDescription(`${JSON.stringify(name)} is ambiguous; say one of ${found.candidates.join(', ')}`);
}
