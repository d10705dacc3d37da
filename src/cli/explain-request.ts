import { existsSync } from 'node:fs';
import { systemClock } from '../app/clock.ts';
import { systemRandom } from '../app/random.ts';
import { openServices } from '../app/services.ts';
import type { Loaded } from '../app/snapshot.ts';
import { cidrSet } from '../core/address.ts';
import { canonicalise } from '../core/canonical.ts';
import type { Elevation } from '../core/decision.ts';
import type { RequestFacts } from '../core/facts.ts';
import { headerTable } from '../core/header-names.ts';
import type { Session } from '../core/session.ts';
import { type Subject, userId } from '../core/subject.ts';
import { subjectOf } from '../identity/accounts.ts';
import { resolveUser } from '../identity/resolve-user.ts';
import type { RequestContext } from '../signals/context.ts';
import { openLog } from '../telemetry/log.ts';
import { CommandFailure, EXIT } from './output.ts';

/** A request as somebody describes it at the shell. */
export interface DescribedRequest {
  readonly method: string;
  /** absolute address, or a path */
  readonly url: string;
  /** `Name: value` */
  readonly headers: readonly string[];
  readonly clientAddress: string;
}

/** The facts of a described request, read exactly as the gateway would. @throws CommandFailure when it refuses to */
export function describedFacts(
  request: DescribedRequest,
  defaultHost: string,
  trusted: readonly string[],
): RequestFacts {
  const match = /^(?:(https?):\/\/([^/?#]+))?(\/[^#]*)?$/.exec(request.url);
  if (match === null || request.url === '')
    throw new CommandFailure(`not an address or a path: ${request.url}`, EXIT.usage);
  const [, scheme, host, path] = match;
  const rawHeaders = request.headers.flatMap((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new CommandFailure(`not a header: ${line} (write 'Name: value')`, EXIT.usage);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const read = canonicalise(
    {
      method: request.method,
      target: path ?? '/',
      httpVersion: '1.1',
      rawHeaders: ['Host', host ?? defaultHost, ...rawHeaders],
      peerAddress: request.clientAddress,
      secure: scheme === 'https',
    },
    'explain',
    systemClock().now(),
    {
      maxHeadBytes: 65_536,
      maxHeaders: 1000,
      maxTargetBytes: 65_536,
      headerTable: headerTable([]),
      isTrustedProxy: cidrSet(trusted),
    },
  );
  if (read.kind === 'refusal')
    throw new CommandFailure(`the gateway would refuse this request with ${read.reason}: ${read.detail}`);
  return read;
}

/** What a policy is judged on: the request, and a person who has just signed in with a password, or nobody. */
export function describedContext(
  facts: RequestFacts,
  params: ReadonlyMap<string, string>,
  subject: Subject | undefined,
  elevation: Elevation,
): RequestContext {
  const session = subject && sessionOf(subject, facts);
  return { facts, params, subject, session, lastActivityAt: facts.at, elevation };
}

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

/** The account of that name if the store has one, else a bare name. Never creates a store. */
export async function subjectNamed({ config }: Loaded, name: string): Promise<Subject> {
  if (!existsSync(config.store.path)) return bareSubject(name);
  const log = openLog({ level: 'error', pretty: true, destination: process.stderr });
  const services = openServices({ clock: systemClock(), random: systemRandom(), log }, config, () => {});
  await services.store.start();
  try {
    const found = await resolveUser([...services.accounts.values()], name);
    if (found.ok) return subjectOf(found.account);
    if (found.reason === 'unknown') return bareSubject(name);
    throw new CommandFailure(`${name} is ambiguous; say one of ${found.candidates.join(', ')}`, EXIT.usage);
  } finally {
    await services.store.close(1000);
  }
}
