import type { Attribute, Reader } from '../core/attribute.ts';
import { MAX_USER_AGENT, type Session } from '../core/session.ts';
import { type Reading, unknown } from '../core/signal.ts';
import type { RequestContext } from './context.ts';
import { declared, live } from './declare.ts';

/**
 * Somebody without a session (a token with every request) reads unknown and not absent: a client can choose to come without
 * one, and what a client can withhold is never absent (policy-language 7).
 */
const ofSession =
  (read: (session: Session, context: RequestContext) => Reading): Reader<RequestContext> =>
  (context) =>
    context.session === undefined ? unknown : read(context.session, context);

/** Milliseconds since an instant, not below 0 (two nodes' clocks may differ a little); unknown when it is no number. */
const since = (instant: number, context: RequestContext): Reading => {
  const age = context.facts.at - instant;
  return Number.isFinite(age) ? Math.max(0, age) : unknown;
};

/** The sign-in that the request rides on. */
export const sessionAttributes: readonly Attribute<RequestContext>[] = [
  live({
    name: 'session.age',
    type: 'duration',
    unit: 'ms',
    meaning: 'time since the session began',
    example: '8h',
    source: 'session',
    aboutPerson: true,
    scope: 'time',
    time: 'age',
    read: ofSession((session, context) => since(session.createdAt, context)),
    origin: ({ session }) => session?.createdAt ?? Number.NaN,
  }),
  live({
    name: 'session.idle',
    type: 'duration',
    unit: 'ms',
    meaning: 'time since the session’s last request',
    example: '10m',
    source: 'session',
    aboutPerson: true,
    scope: 'time',
    time: 'erratic',
    read: ofSession((_session, context) => since(context.lastActivityAt, context)),
  }),
  declared({
    name: 'session.trust',
    type: 'number',
    unit: '0–100',
    meaning: 'trust in the session as a whole',
    example: 80,
    source: 'session',
    aboutPerson: true,
    scope: 'credential',
  }),
  declared({
    name: 'session.security_level',
    type: 'level',
    meaning: 'level of protection that the session was put under; scales its idle limit',
    example: 'medium',
    source: 'session',
    aboutPerson: true,
    scope: 'credential',
  }),
  live({
    name: 'session.first_seen_ip',
    type: 'address',
    meaning: 'address that the session was begun from',
    example: '192.0.2.7',
    source: 'session',
    aboutPerson: true,
    scope: 'credential',
    read: ofSession((session) => (session.address === '' ? unknown : session.address)),
  }),
  live({
    name: 'session.ip_changed',
    type: 'boolean',
    meaning: 'the request comes from another address than the session was begun from',
    example: true,
    source: 'session and socket',
    aboutPerson: true,
    read: ofSession((session, { facts }) =>
      session.address === '' || facts.clientAddress === '' ? unknown : session.address !== facts.clientAddress,
    ),
  }),
  live({
    name: 'session.user_agent_changed',
    type: 'boolean',
    meaning: 'the User-Agent is another than the session was begun with',
    example: true,
    source: 'session and headers',
    aboutPerson: true,
    cost: 'cheap',
    read: ofSession((session, context) => userAgentChanged(session.userAgent, context)),
  }),
];

/** A second, differing User-Agent counts as changed: an upstream may believe either. None at all equals an empty one. */
function userAgentChanged(recorded: string, { facts }: RequestContext): boolean {
  const before = recorded.slice(0, MAX_USER_AGENT);
  let at = facts.headerNames.indexOf('user-agent');
  if (at < 0) return before !== '';
  for (; at >= 0; at = facts.headerNames.indexOf('user-agent', at + 1)) {
    // longer ones were cut when the session began; without cutting here they would seem to change with every request
    if ((facts.headers[2 * at + 1] as string).slice(0, MAX_USER_AGENT) !== before) return true;
  }
  return false;
}
