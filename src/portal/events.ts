import type { AuditEvent } from '../core/event.ts';
import { header, type RequestFacts } from '../core/facts.ts';
import type { Clock } from '../core/ports.ts';
import { MAX_USER_AGENT } from '../core/session.ts';

/** The User-Agent as sessions and events keep it: bounded, escaped by whoever writes it. */
export const userAgentOf = (facts: RequestFacts): string =>
  (header(facts, 'user-agent') ?? '').slice(0, MAX_USER_AGENT);

/** An event of signing in or out, with everything the request itself says. */
export function authenticationEvent(
  facts: RequestFacts,
  what: Pick<AuditEvent, 'action' | 'result' | 'time'> &
    Partial<Pick<AuditEvent, 'status' | 'reason' | 'user' | 'session' | 'factors' | 'detail'>>,
): AuditEvent {
  return {
    type: 'authentication',
    id: facts.id,
    address: facts.clientAddress,
    userAgent: userAgentOf(facts),
    method: facts.method,
    host: facts.host,
    path: facts.path,
    ...what,
  };
}

export const signInEvent = (
  { clock }: { readonly clock: Clock },
  facts: RequestFacts,
  what: Omit<Parameters<typeof authenticationEvent>[1], 'action' | 'time'>,
): AuditEvent => authenticationEvent(facts, { action: 'sign_in', time: clock.now(), ...what });
