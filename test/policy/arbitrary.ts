import fc from 'fast-check';
import { LEVELS, METHODS, type Proof } from '../../src/core/decision.ts';
import { absent, PartialList, type Reading, Repeated, unknown } from '../../src/core/signal.ts';
import type { Situation } from './catalogue.ts';
import { HOUR, MINUTE } from './harness.ts';

/** Random policies as plain data, and random requests from the same small vocabulary, so that they meet. */

export const NOW = Date.parse('2026-03-29T00:50:00Z');
const words = ['a', 'A', 'ab', 'b', '/a', '/A', '/a/b', 'GET', 'ann'] as const;
const word = fc.constantFrom(...words);
const groups = ['ops', 'dev', 'ann'] as const;
const group = fc.constantFrom(...groups);
const methods = ['password', 'totp', 'webauthn'] as const;
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });
const durations = ['0s', '1ms', '10m', '15m', '1h', '2h'] as const;
const duration = fc.constantFrom(...durations);
const level = fc.constantFrom(...LEVELS);
const instant = fc.constantFrom(
  '2026-03-29T00:50:00Z',
  '2026-03-29T00:50:00.001Z',
  '2026-03-29T02:00:00+01:00',
  '2026-03-30T00:00:00Z',
);
const day = fc.constantFrom('2026-03-28', '2026-03-29', '2026-03-30');
const range = <T extends string | number>(item: fc.Arbitrary<T>, order: (a: T, b: T) => number) =>
  fc.tuple(item, item).map((pair) => [...pair].sort(order));
const byNumber = (a: number, b: number): number => a - b;
const hour = fc.constantFrom(0, 1, 2, 12);

const one = (key: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  value.map((each) => ({ [key]: each }));
const present = one('present', fc.boolean());
const textReference = fc
  .constantFrom('identity.sub', 'request.params.x', 'geo.country')
  .map((attribute) => ({ attribute }));

const textMatcher = fc.oneof(
  word,
  list(word),
  present,
  textReference,
  one('in', list(fc.oneof(word, textReference))),
  one('none_of', list(word)),
  one('none_of', list(fc.oneof(word, textReference))),
  fc.constant({ in: { attribute: 'identity.groups' } }),
  fc.constant({ none_of: { attribute: 'identity.groups' } }),
  one('prefix', word),
  one('suffix', word),
  fc.record({ prefix: word, suffix: word }),
  one('glob', fc.constantFrom('/*', '/**', 'a?', '*b', '**')),
  one('matches', fc.constantFrom('^a', 'b$', '^/[a-z]+$', '^(?:a|GET)$')),
);
const listMatcher = fc.oneof(
  group,
  list(group),
  present,
  one('any_of', list(fc.oneof(group, textReference))),
  one('all_of', list(group)),
  one('none_of', list(group)),
  one('empty', fc.boolean()),
  fc.constant({ attribute: 'request.params.x' }),
);
const ordered = (item: fc.Arbitrary<unknown>, bounds: fc.Arbitrary<unknown>) =>
  fc.oneof(
    item,
    list(item),
    present,
    ...['below', 'at_most', 'above', 'at_least'].map((operator) => one(operator, item)),
    one('between', bounds),
    one('none_of', list(item)),
  );
const moments = (item: fc.Arbitrary<string>, order: (a: string, b: string) => number) =>
  fc.oneof(
    item,
    list(item),
    one('before', item),
    one('after', item),
    one('between', range(item, order)),
    one('none_of', list(item)),
  );
const byDuration = (a: string, b: string): number => durations.indexOf(a as never) - durations.indexOf(b as never);
const byInstant = (a: string, b: string): number => Date.parse(a) - Date.parse(b);
const network = fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '::/0', '2001:db8::/32', '192.0.2.1');

/** Attributes whose comparisons can be remembered, and those that cannot. */
const MATCHERS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'request.method': textMatcher,
  'request.path': textMatcher,
  'request.params.x': textMatcher,
  'identity.sub': textMatcher,
  'geo.country': textMatcher,
  'identity.groups': listMatcher,
  'request.client_ip': fc.oneof(
    network,
    list(network),
    present,
    fc.constant({ equals: { attribute: 'session.first_seen_ip' } }),
  ),
  'device.trust': ordered(fc.constantFrom(0, 50, 80), range(fc.constantFrom(0, 50, 80), byNumber)),
  'device.known': fc.oneof(fc.boolean(), present),
  'device.browser_version': fc.oneof(
    ...['at_least', 'below', 'equals'].map((operator) => one(operator, fc.constantFrom('17', '17.4', '17.10'))),
    present,
  ),
  'identity.assurance': fc.oneof(level, list(level), one('at_least', level), one('below', level), one('above', level)),
  'identity.auth_age': ordered(duration, range(duration, byDuration)),
  'session.age': ordered(duration, range(duration, byDuration)),
  'time.hour': ordered(hour, range(hour, byNumber)),
  'time.weekday': list(fc.constantFrom('sat', 'sun', 'mon')),
  'time.date': moments(day, (a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  'time.now': moments(instant, byInstant),
};
const UNCACHED: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'request.header.x': textMatcher,
  'session.idle': ordered(duration, range(duration, byDuration)),
};

const whenOf = (matchers: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  fc.letrec<{ when: unknown; pair: [string, unknown] }>((tie) => ({
    pair: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(
        ...Object.entries(matchers).map(([name, matcher]) => matcher.map((each): [string, unknown] => [name, each])),
      ),
      fc.tuple(fc.constantFrom('all', 'any'), list(tie('when'))) as fc.Arbitrary<[string, unknown]>,
      tie('when').map((each): [string, unknown] => ['not', each]),
    ),
    when: list(tie('pair')).map((pairs) => Object.fromEntries(pairs)),
  })).when;

const requirement = fc
  .record(
    {
      level: fc.constantFrom('none', 'low', 'medium'),
      max_age: duration,
      methods: fc.uniqueArray(fc.constantFrom('totp', 'webauthn'), { minLength: 1 }),
      all_of: fc.uniqueArray(fc.constantFrom(...methods), { minLength: 1 }),
    },
    { requiredKeys: [] },
  )
  .filter((require) => Object.keys(require).length > 0);

const rulesOf = (when: fc.Arbitrary<unknown>) =>
  fc
    .array(
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ effect: fc.constant('allow'), when }) },
        {
          weight: 1,
          arbitrary: fc.record(
            { effect: fc.constant('deny'), when, unknown: fc.constant('skip') },
            { requiredKeys: ['effect', 'when'] },
          ),
        },
        {
          weight: 1,
          arbitrary: fc.record(
            { effect: fc.constant('step_up'), when, require: requirement, unknown: fc.constant('skip') },
            { requiredKeys: ['effect', 'when', 'require'] },
          ),
        },
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((rules) =>
      rules.map(({ effect, ...rest }, index) => ({ [effect]: `r${index}`, ...rest }) as Record<string, unknown>),
    );

export const whens = whenOf({ ...MATCHERS, ...UNCACHED });
export const rules = rulesOf(whens);
export const cacheableRules = rulesOf(whenOf(MATCHERS));

const text: fc.Arbitrary<Reading> = fc.oneof(
  { weight: 6, arbitrary: word },
  { weight: 1, arbitrary: fc.constantFrom<Reading>(absent, unknown) },
  { weight: 1, arbitrary: fc.array(word, { minLength: 2, maxLength: 3 }).map((each) => new Repeated(each)) },
);
const maybe = (item: fc.Arbitrary<Reading>): fc.Arbitrary<Reading> =>
  fc.oneof({ weight: 6, arbitrary: item }, { weight: 1, arbitrary: fc.constantFrom<Reading>(absent, unknown) });
const members = fc.uniqueArray(group, { maxLength: 3 });
const address = fc.constantFrom('10.1.2.3', '10.2.0.1', '192.0.2.1', '::ffff:10.1.2.3', '2001:db8::1', 'garbage');

/** Readings of every attribute that is not computed from the clock. */
export const readings: fc.Arbitrary<Record<string, Reading>> = fc.record({
  'request.method': text,
  'request.path': text,
  'request.params.x': text,
  'request.header.x': text,
  'identity.sub': maybe(word),
  'geo.country': maybe(word),
  'identity.groups': maybe(
    fc.oneof<fc.Arbitrary<Reading>[]>(
      members,
      fc.tuple(members, members).map(([certain, possible]) => new PartialList(certain, possible)),
    ),
  ),
  'request.client_ip': maybe(address),
  'session.first_seen_ip': maybe(address),
  'device.trust': maybe(fc.constantFrom<Reading>(0, 50, 80, Number.NaN)),
  'device.known': maybe(fc.boolean()),
  'device.browser_version': maybe(fc.constantFrom<Reading>('17', '17.0', '17.4.1', '17.10', 'nightly')),
  'identity.assurance': maybe(level),
  'session.idle': maybe(fc.constantFrom<Reading>(0, 600_000)),
});

const proofs: fc.Arbitrary<readonly Proof[]> = fc.array(
  fc.record({
    method: fc.constantFrom(undefined, ...METHODS.filter((each) => (methods as readonly string[]).includes(each))),
    level,
    at: fc.constantFrom(NOW, NOW - 10 * MINUTE, NOW - 15 * MINUTE, NOW - HOUR, NOW - 9 * HOUR),
  }),
  { maxLength: 3 },
);
const origins = fc.constantFrom(NOW, NOW - 1, NOW - 10 * MINUTE, NOW - HOUR, NOW + 5_000, Number.NaN);

export const situations: fc.Arbitrary<Situation> = fc
  .record({
    readings,
    proofs,
    authenticated: fc.boolean(),
    authAt: origins,
    createdAt: origins,
    unknowns: fc.subarray(['time.hour', 'time.now', 'session.age'], { maxLength: 1 }),
  })
  .map(({ readings: values, unknowns, ...rest }) => ({
    ...rest,
    values: new Map<string, Reading>([
      ...Object.entries(values),
      ...unknowns.map((name): [string, Reading] => [name, unknown]),
    ]),
    now: NOW,
  }));
