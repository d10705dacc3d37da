import { type Elevation, LEVELS, type Level, levelRank } from '../core/decision.ts';
import type { Answer, HandlerRequest } from '../core/handler.ts';
import type { Session } from '../core/session.ts';
import type { Access } from '../core/subject.ts';
import { PROTECTIVE_HEADERS } from '../pages/layout.ts';
import type { PortalDeps } from './deps.ts';

/** Who the gateway thinks the caller is. Nobody is 200 `{"authenticated": false}` (interfaces); never a secret. */
export function userinfoHandler(deps: Pick<PortalDeps, 'clock' | 'options'>): (request: HandlerRequest) => Answer {
  return ({ session, access, caller = session && callerOf(session) }) => {
    const body =
      caller === undefined
        ? { authenticated: false }
        : describe(caller, session, access, deps.clock.now(), deps.options().elevation);
    return {
      status: 200,
      headers: [['Content-Type', 'application/json'], ...PROTECTIVE_HEADERS],
      body: `${JSON.stringify(body)}\n`,
    };
  };
}

type Caller = NonNullable<HandlerRequest['caller']>;
const callerOf = ({ subject, proofs, absoluteExpiryAt }: Session): Caller => ({
  subject,
  proofs,
  expiresAt: absoluteExpiryAt,
});

/** Members that the assertion has too are named as there. Field by field, so that nothing new leaks by itself. */
function describe(
  caller: Caller,
  session: Session | undefined,
  access: Access | undefined,
  now: number,
  elevation: Elevation,
): object {
  const { subject } = caller;
  const counting = caller.proofs.filter(({ level, at }) => now < at + elevation[level]);
  const level = counting.reduce<Level>((best, p) => (levelRank(p.level) > levelRank(best) ? p.level : best), LEVELS[0]);
  return {
    authenticated: true,
    user: subject.user,
    sub: subject.sub,
    provider: subject.provider,
    kind: subject.kind,
    name: subject.name,
    email: subject.email,
    groups: subject.groups,
    roles: access?.roles ?? subject.roles,
    permissions: access?.permissions ?? [],
    sid: session?.id,
    assurance: level,
    acr: `urn:sallyport:acr:${level}`,
    amr: [...new Set(counting.map(({ method }) => method).filter((method) => method !== undefined))],
    ...(session === undefined ? { expires_at: iso(caller.expiresAt) } : { session: describeSession(session) }),
  };
}

const describeSession = (session: Session): object => ({
  id: session.id,
  created_at: iso(session.createdAt),
  last_activity_at: iso(session.lastActivityAt),
  expires_at: iso(session.absoluteExpiryAt),
});

const iso = (ms: number): string => new Date(ms).toISOString();
