import { describe, expect, it } from 'vitest';
import type { RequestFacts } from '../../src/core/facts.ts';
import { MAX_USER_AGENT } from '../../src/core/session.ts';
import { type Reading, unknown } from '../../src/core/signal.ts';
import type { RequestContext } from '../../src/signals/context.ts';
import { catalogue } from '../../src/signals/index.ts';
import { HOUR, NOON, nobody, read, session, somebody, withHeaders } from './context.ts';

describe('session attributes', () => {
  const same = withHeaders('User-Agent', 'Browser/1');
  const without = (gone: Partial<typeof session>): Partial<RequestContext> => ({ session: { ...session, ...gone } });

  const LONG = 'a'.repeat(MAX_USER_AGENT);
  const keptOf = (userAgent: string): Partial<RequestContext> => without({ userAgent });

  it.each<[string, string, Partial<RequestFacts>, Partial<RequestContext>, Reading]>([
    ['session.age', 'since it began', {}, {}, 2 * HOUR],
    ['session.age', 'not below 0', { at: session.createdAt - 5 }, {}, 0],
    ['session.age', 'no instant', { at: Number.NaN }, {}, unknown],
    ['session.idle', 'since the last request', {}, {}, HOUR],
    ['session.idle', 'what this node saw, not what is stored', {}, { lastActivityAt: NOON - 7 }, 7],
    ['session.idle', 'no instant', {}, { lastActivityAt: Number.NaN }, unknown],
    ['session.first_seen_ip', 'of the sign-in', { clientAddress: '198.51.100.1' }, {}, '192.0.2.7'],
    ['session.first_seen_ip', 'not recorded', {}, without({ address: '' }), unknown],
    ['session.ip_changed', 'same', {}, {}, false],
    ['session.ip_changed', 'other', { clientAddress: '198.51.100.1' }, {}, true],
    ['session.ip_changed', 'client unknown', { clientAddress: '' }, {}, unknown],
    ['session.ip_changed', 'not recorded', {}, without({ address: '' }), unknown],
    ['session.user_agent_changed', 'same', same, {}, false],
    ['session.user_agent_changed', 'other', withHeaders('user-agent', 'Browser/2'), {}, true],
    ['session.user_agent_changed', 'withheld', {}, {}, true],
    ['session.user_agent_changed', 'a second one', withHeaders('User-Agent', 'Browser/1', 'User_Agent', 'x'), {}, true],
    [
      'session.user_agent_changed',
      'longer than is kept',
      withHeaders('User-Agent', `${LONG}tail`),
      keptOf(LONG),
      false,
    ],
    ['session.user_agent_changed', 'longer, and other', withHeaders('User-Agent', `x${LONG}`), keptOf(LONG), true],
    ['session.user_agent_changed', 'a longer one', withHeaders('User-Agent', 'Browser/1x'), {}, true],
    ['session.user_agent_changed', 'a shorter one', withHeaders('User-Agent', 'Browser/'), {}, true],
    ['session.user_agent_changed', 'never had one', {}, without({ userAgent: '' }), false],
  ])('%s: %s', (name, _case, facts, rest, expected) => {
    expect(read(name, somebody(facts, rest))).toBe(expected);
  });

  it('somebody who came without a session is not a session of age nothing: all unknown', () => {
    const context = somebody({}, { session: undefined });
    for (const name of catalogue.attributes.keys()) {
      if (name.startsWith('session.')) expect(read(name, context), name).toBe(unknown);
    }
  });

  it('counts age from its origin', () => {
    const origin = catalogue.attributes.get('session.age')?.origin;
    expect(origin?.(somebody())).toBe(session.createdAt);
    expect(origin?.(nobody())).toBeNaN();
  });
});
