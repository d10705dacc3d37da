import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/core/decision.ts';
import type { Session } from '../../src/core/session.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { compileProgram, type Program } from '../../src/policy/program.ts';
import { type Judged, Memo } from '../../src/proxy/memo.ts';
import type { RequestContext } from '../../src/signals/context.ts';
import { catalogue } from '../../src/signals/index.ts';
import { HOUR, NOON, nobody, session, somebody, withHeaders } from '../signals/context.ts';

const MINUTE = 60_000;
const ELEVATION = { none: Number.POSITIVE_INFINITY, low: 8 * HOUR, medium: HOUR, high: HOUR / 4 };

interface Rule {
  readonly effect: string;
  readonly when: Readonly<Record<string, unknown>>;
}

/** A route whose one policy has these rules, compiled as the gateway does. */
function routeOf(rules: readonly Rule[], open = false): Judged {
  const list = rules.map(({ effect, when }, i) => ({
    [effect]: `r${i}`,
    when,
    ...(effect === 'step_up' ? { require: { level: 'medium', max_age: '20m' } } : {}),
  }));
  const text = JSON.stringify({ version: 1, policy: 'p', timezone: 'Asia/Kathmandu', rules: list });
  const loaded = loadPolicies([{ file: 'p.yaml', text }], catalogue);
  const compiled = compileProgram(loaded.set, catalogue, {
    layers: ['p'],
    public: open,
    caseSensitive: false,
    elevation: ELEVATION,
  });
  const errors = [...loaded.findings, ...compiled.findings].filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return { program: compiled.program };
}

/** What the pipeline does with a memo, and whether the answer came from it. */
function decide(memo: Memo, route: Judged, context: RequestContext): { decision: Decision; remembered: boolean } {
  const known = memo.decision(route, context);
  if (known !== undefined) return { decision: known, remembered: true };
  const decision = (route.program as Program<RequestContext>).evaluate(context);
  memo.remember(route, context, decision);
  return { decision, remembered: false };
}

const conditions = fc.constantFrom<Record<string, unknown>>(
  { 'request.method': 'GET' },
  { 'request.method': { none_of: ['GET', 'HEAD'] } },
  { 'request.path': { prefix: '/a' } },
  { 'request.path': '/a/x' },
  { 'request.host': 'wiki.example.com' },
  { 'request.scheme': 'https' },
  { 'request.http_version': { at_least: '1.1' } },
  { 'request.is_upgrade': true },
  { 'request.client_ip': { in_cidr: ['192.0.2.0/24'] } },
  { 'request.params.user': 'ann' },
  { 'request.params.user': { none_of: ['bob'] } },
  { 'request.params.other': 'x' },
  { 'request.header.x-a': 'yes' },
  { 'identity.groups': { any_of: ['finance'] } },
  { 'identity.roles': 'manager' },
  { 'identity.permissions': { none_of: ['documents.read.team'] } },
  { 'identity.authenticated': false },
  { 'identity.assurance': { at_least: 'medium' } },
  { 'identity.auth_age': { below: '10m' } },
  { 'session.age': { above: '3h' } },
  { 'session.idle': { below: '5m' } },
  { 'time.hour': { between: [18, 18] } },
  { 'time.date': { after: '2026-03-29' } },
  // nothing computes it yet: unknown on every request
  { 'geo.country': { in: ['DE'] } },
);
const rules = fc.array(
  fc.record({
    effect: fc.constantFrom('allow', 'allow', 'deny', 'step_up'),
    when: fc
      .array(conditions, { minLength: 1, maxLength: 2 })
      .map((list) => (list.length === 1 ? (list[0] as Record<string, unknown>) : { any: list })),
  }),
  { minLength: 1, maxLength: 4 },
);
/** What one request is, apart from who sends it; few values each, so that they come again. */
const requests = fc.record({
  route: fc.nat({ max: 2 }),
  later: fc.oneof(
    fc.constantFrom(0, 1, MINUTE, 10 * MINUTE, 15 * MINUTE, 20 * MINUTE + 1, HOUR),
    fc.integer({ min: 0, max: HOUR }),
  ),
  method: fc.constantFrom('GET', 'POST'),
  path: fc.constantFrom('/a', '/a/x', '/A', '/b'),
  // empty: the address could not be told, which is unknown
  clientAddress: fc.constantFrom('192.0.2.7', '198.51.100.1', ''),
  user: fc.constantFrom('ann', 'Ann', 'bob', undefined),
  isUpgrade: fc.boolean(),
  header: fc.constantFrom('yes', 'no', undefined),
  httpVersion: fc.constantFrom('1.0' as const, '1.1' as const),
});
const proofs = fc.array(
  fc.record({
    method: fc.constantFrom('password' as const, 'totp' as const),
    level: fc.constantFrom('none' as const, 'low' as const, 'medium' as const, 'high' as const),
    at: fc.integer({ min: NOON - HOUR, max: NOON }),
  }),
  { maxLength: 2 },
);

describe('what is remembered is what would be decided', () => {
  it('for random policies, requests, sessions and clocks, on several routes that share a memo', () => {
    let all = 0;
    let served = 0;
    fc.assert(
      fc.property(
        fc.array(rules, { minLength: 3, maxLength: 3 }),
        fc.option(proofs, { nil: undefined }),
        fc.array(requests, { minLength: 10, maxLength: 60 }),
        (sources, held, sequence) => {
          const routes = sources.map((source) => routeOf(source));
          const memo = new Memo();
          const own: Session | undefined = held === undefined ? undefined : { ...session, proofs: held };
          let now = NOON;
          let lastActivityAt = NOON - MINUTE;
          for (const request of sequence) {
            now += request.later;
            const { method, path, clientAddress, isUpgrade, httpVersion, user, header } = request;
            const facts = {
              ...(header === undefined ? {} : withHeaders('X-A', header)),
              ...{ at: now, method, path, decodedPath: path, clientAddress, isUpgrade, httpVersion },
            };
            const rest = {
              params: new Map(user === undefined ? [] : [['user', user]]),
              elevation: ELEVATION,
            };
            const context =
              own === undefined ? nobody(facts, rest) : somebody(facts, { ...rest, session: own, lastActivityAt });
            const route = routes[request.route] as Judged;
            const { decision, remembered } = decide(memo, route, context);
            expect(decision).toEqual(route.program.evaluate(context));
            lastActivityAt = now;
            all++;
            if (remembered) served++;
          }
        },
      ),
      { numRuns: 400 },
    );
    // otherwise nothing was shown
    expect(served / all).toBeGreaterThan(0.1);
  });
});

const at = (path: string, more: Parameters<typeof somebody>[0] = {}, rest: Parameters<typeof somebody>[1] = {}) =>
  somebody({ path, decodedPath: path, ...more }, { elevation: ELEVATION, ...rest });
const allowed = (path: string): Rule => ({ effect: 'allow', when: { 'request.path': path } });

describe('keys', () => {
  it.each<[string, Rule[], RequestContext, RequestContext]>([
    [
      'a flag that is set and one that is not',
      [{ effect: 'allow', when: { 'request.is_upgrade': true } }],
      at('/a', { isUpgrade: true }),
      at('/a', { isUpgrade: false }),
    ],
    [
      'a parameter that is not there and one that is empty',
      [{ effect: 'allow', when: { 'request.params.user': '' } }],
      at('/a', {}, { params: new Map([['user', '']]) }),
      at('/a'),
    ],
    [
      'an address that could not be told and one that could',
      [{ effect: 'allow', when: { 'request.client_ip': { in_cidr: ['192.0.2.0/24'] } } }],
      at('/a'),
      at('/a', { clientAddress: '' }),
    ],
    [
      'values that change places between two attributes',
      [{ effect: 'allow', when: { 'request.params.user': 'x', 'request.params.other': 'y' } }],
      at(
        '/a',
        {},
        {
          params: new Map([
            ['user', 'x'],
            ['other', 'y'],
          ]),
        },
      ),
      at(
        '/a',
        {},
        {
          params: new Map([
            ['user', 'y'],
            ['other', 'x'],
          ]),
        },
      ),
    ],
  ])('%s are told apart', (_name, source, first, second) => {
    const route = routeOf(source);
    const memo = new Memo();
    for (const context of [first, second, first, second]) {
      expect(decide(memo, route, context).decision).toEqual(route.program.evaluate(context));
    }
    expect(memo.decision(route, first)?.effect).toBe('allow');
    expect(memo.decision(route, second)?.effect).not.toBe('allow');
  });

  it('routes are told apart, also when the same was asked and when nothing of the request is read', () => {
    const memo = new Memo();
    const [open, closed] = [
      routeOf([{ effect: 'allow', when: { 'identity.groups': { any_of: ['finance'] } } }]),
      routeOf([{ effect: 'deny', when: { 'identity.groups': { any_of: ['finance'] } } }]),
    ];
    for (const _ of [1, 2]) {
      expect(decide(memo, open, at('/a')).decision.effect).toBe('allow');
      expect(decide(memo, closed, at('/a')).decision.effect).toBe('deny');
    }
    // compiled anew, as a reload does: nothing is found for it
    expect(memo.decision(routeOf([allowed('/a')]), at('/a'))).toBeUndefined();
  });
});

describe('bounds', () => {
  it('five hundred and twelve decisions, then it starts afresh; what it then says is still right', () => {
    const route = routeOf([allowed('/p7'), allowed('/p600')]);
    const memo = new Memo();
    for (let i = 0; i < 512; i++) decide(memo, route, at(`/p${i}`));
    expect(memo.decision(route, at('/p0'))?.effect).toBe('deny');
    expect(memo.decision(route, at('/p7'))?.effect).toBe('allow');
    expect(decide(memo, route, at('/p600')).decision.effect).toBe('allow');
    expect(memo.decision(route, at('/p0'))).toBeUndefined();
    for (let i = 0; i < 2000; i++) {
      const context = at(`/p${(i * 7) % 700}`);
      expect(decide(memo, route, context).decision).toEqual(route.program.evaluate(context));
    }
  });

  it.each<[string, Rule]>([
    ['a header', { effect: 'allow', when: { 'request.header.x-a': 'yes' } }],
    ['the query', { effect: 'allow', when: { 'request.query.a': 'yes' } }],
    ['the size', { effect: 'allow', when: { 'request.size': { below: 10 } } }],
    ['idleness', { effect: 'allow', when: { 'session.idle': { below: '5m' } } }],
  ])('a program that reads %s is not remembered', (_name, rule) => {
    const route = routeOf([rule]);
    const memo = new Memo();
    decide(memo, route, at('/a'));
    expect(memo.decision(route, at('/a'))).toBeUndefined();
  });

  it('holds until the instant before a predicate flips, and not at it', () => {
    const route = routeOf([{ effect: 'allow', when: { 'session.age': { below: '3h' } } }]);
    const memo = new Memo();
    const flips = session.createdAt + 3 * HOUR;
    expect(decide(memo, route, at('/a', { at: NOON })).decision.effect).toBe('allow');
    expect(memo.decision(route, at('/a', { at: flips - 1 }))?.effect).toBe('allow');
    expect(memo.decision(route, at('/a', { at: flips }))).toBeUndefined();
    expect(memo.decision(route, at('/a', { at: Number.NaN }))).toBeUndefined();
  });
});
