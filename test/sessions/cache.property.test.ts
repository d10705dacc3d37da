import { hash } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CredentialLookup, SessionEntry } from '../../src/core/credential.ts';
import type { UserId } from '../../src/core/subject.ts';
import { openSessions } from '../../src/sessions/sessions.ts';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/stores/embedded.ts';
import { temporaryDirectory } from '../stores/directory.ts';
import { handClock, systemRandom } from '../stores/ports.ts';
import { HOST, keepingLog, person, start } from './people.ts';

const LIMITS = { idleMs: 60_000, floorMs: 1000, absoluteMs: 200_000 };

interface Made {
  readonly cookie: string;
  readonly id: string;
  readonly partition: string;
  readonly user: UserId;
}

/** What a look-up has to say, out of nothing but the store and the touches that one gateway has not written yet. */
function direct(store: EmbeddedStore, made: Made, touched: number, now: number): CredentialLookup['state'] {
  const secret = store.get({ partition: made.partition, name: `secret/${hash('sha256', made.cookie, 'base64url')}` });
  const entry = store.get({ partition: made.partition, name: `session/${made.id}` });
  if (secret === undefined || entry === undefined) return 'unknown';
  const session = entry.value as { ended: object | null; lastActivityAt: number; absoluteExpiryAt: number };
  if (session.ended !== null) return 'ended';
  const idle = now - Math.max(session.lastActivityAt, touched);
  return now >= session.absoluteExpiryAt || idle > LIMITS.idleMs ? 'expired' : 'valid';
}

test('a look-up says what the store says, whatever two gateways do and whatever is remembered', {
  timeout: 60_000,
}, async () => {
  const who = fc.constantFrom(0, 1);
  const which = fc.nat({ max: 2 });
  const sub = fc.constantFrom('ann', 'bob');
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), who, sub }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('touch' as const), who, which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const), who }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const), who, which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('revokeUser' as const), who, sub, except: which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('userChanged' as const), sub }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.constantFrom(1, 20_000, 30_000, 45_000, 60_001),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constant(600_001) }) },
  );

  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 15, maxLength: 40 }),
      fc.constantFrom(1, 100),
      async (steps, maxCached) => {
        const directory = temporaryDirectory();
        const path = join(directory.path, 'data');
        const clock = handClock();
        const gateways = await Promise.all(
          [0, 1].map(async () => {
            const store = openEmbeddedStore({ clock, random: systemRandom }, { path });
            await store.start();
            const deps = { store, clock, random: systemRandom, log: keepingLog() };
            const sessions = openSessions(deps, { ...LIMITS, maxCached });
            await sessions.start();
            return { store, sessions, touched: new Map<string, number>() };
          }),
        );
        const made: Made[] = [];
        try {
          for (const todo of steps) {
            const gateway = gateways['who' in todo ? todo.who : 0] as (typeof gateways)[number];
            const chosen = 'which' in todo ? made.at(-1 - todo.which) : undefined;
            if (todo.do === 'wait') clock.advance(todo.ms);
            else if (todo.do === 'flush') await gateway.sessions.flush();
            else if (todo.do === 'create' && made.length < 12) {
              const { session, cookie } = await gateway.sessions.create(person(todo.sub), start(clock.now()));
              made.push({ cookie, id: session.id, partition: session.partition, user: session.subject.user });
            } else if (todo.do === 'touch' && chosen !== undefined) {
              const found = gateway.sessions.lookup(chosen.cookie, HOST, clock.now()) as CredentialLookup;
              if (found.state === 'valid') {
                gateway.sessions.touch(found, clock.now());
                gateway.touched.set(chosen.id, clock.now());
              }
            } else if (todo.do === 'revoke' && chosen !== undefined) {
              const before = direct(gateway.store, chosen, 0, clock.now());
              const ended = await gateway.sessions.revoke(chosen.id, 'x', 'y');
              expect(ended).toBe(before === 'valid' || before === 'expired');
            } else if (todo.do === 'revokeUser') {
              const except = made.at(-1 - todo.except)?.id as `ses_${string}` | undefined;
              const options = except === undefined ? {} : { except };
              await gateway.sessions.revokeUser(`staff:${todo.sub}`, 'x', 'y', options);
              for (const { user, id, ...rest } of made) {
                if (user !== `staff:${todo.sub}` || id === except) continue;
                expect(['ended', 'unknown']).toContain(direct(gateway.store, { user, id, ...rest }, 0, clock.now()));
              }
            } else if (todo.do === 'userChanged') {
              await gateway.store.commit({
                partition: '00',
                changes: [{ kind: 'user', subject: `staff:${todo.sub}` }],
              });
            }
            for (const { store, sessions, touched } of gateways) {
              for (const each of made) {
                const found = sessions.lookup(each.cookie, HOST, clock.now()) as CredentialLookup<SessionEntry>;
                expect(found.state).toBe(direct(store, each, touched.get(each.id) ?? 0, clock.now()));
                if (found.state === 'valid') expect(found.session.id).toBe(each.id);
              }
            }
          }
        } finally {
          for (const { sessions, store } of gateways) {
            await sessions.close(5000);
            await store.close(5000);
          }
          directory.remove();
        }
      },
    ),
    { numRuns: 100 },
  );
});
