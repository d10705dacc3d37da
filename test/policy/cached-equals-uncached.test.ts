import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PartialList, type Reading, Repeated } from '../../src/core/signal.ts';
import { cacheableRules, NOW, readings, rules, situations } from './arbitrary.ts';
import { catalogue, type Situation } from './catalogue.ts';
import { HOUR, MINUTE, outcome, rulesProgram } from './harness.ts';

/** A decision cache as the data plane has one for each credential: keyed by what `cacheKey` reads, valid until then. */
function openCache(program: ReturnType<typeof rulesProgram>) {
  const entries = new Map<string, { readonly answer: string; readonly until: number }>();
  let hits = 0;
  return {
    hits: () => hits,
    evaluate(context: Situation, credential: number): string {
      if (program.cacheKey === null) return outcome(program.evaluate(context));
      const key = JSON.stringify([credential, ...program.cacheKey.map((read) => keyOf(read(context)))]);
      const found = entries.get(key);
      if (found !== undefined && context.now < found.until) {
        hits++;
        return found.answer;
      }
      const answer = outcome(program.evaluate(context));
      entries.set(key, { answer, until: program.validUntil(context) });
      return answer;
    },
  };
}

function keyOf(reading: Reading): unknown {
  if (typeof reading === 'symbol') return { state: String(reading) };
  if (reading instanceof Repeated) return { repeated: reading.values };
  if (reading instanceof PartialList) return { certain: reading.certain, possible: reading.possible };
  return typeof reading === 'number' ? { number: String(reading) } : reading;
}

const isOfRequest = (name: string): boolean => {
  const attribute = catalogue.attributes.get(name) ?? catalogue.attributes.get(name.replace(/[^.]+$/, '*'));
  return attribute?.scope === 'request' || attribute?.scope === 'uncached';
};
/** The request's own attributes change from request to request; the credential's do not. */
const requestOf = (credential: Situation, values: Readonly<Record<string, Reading>>, now: number): Situation => ({
  ...credential,
  values: new Map([...credential.values, ...Object.entries(values).filter(([name]) => isOfRequest(name))]),
  now,
});

const step = fc.constantFrom(
  0,
  1,
  1_000,
  10 * MINUTE - 1,
  10 * MINUTE,
  10 * MINUTE + 1,
  15 * MINUTE,
  HOUR - 1,
  HOUR,
  2 * HOUR,
  24 * HOUR,
);
const requests = fc.array(fc.record({ who: fc.nat({ max: 1 }), what: fc.nat({ max: 2 }), step }), {
  minLength: 2,
  maxLength: 12,
});
const scenario = fc.record({
  credentials: fc.tuple(situations, situations),
  kinds: fc.tuple(readings, readings, readings),
  requests,
});

test.each([
  ['programs that can be remembered', cacheableRules],
  ['any program', rules],
])('a remembered decision equals a fresh one, over random requests and clocks: %s', (_name, source) => {
  let hits = 0;
  fc.assert(
    fc.property(source, scenario, (rulesOfIt, { credentials, kinds, requests: sequence }) => {
      const program = rulesProgram(rulesOfIt);
      const cache = openCache(program);
      let now = NOW;
      for (const { who, what, step: passed } of sequence) {
        now += passed;
        const context = requestOf(credentials[who] as Situation, kinds[what] as Record<string, Reading>, now);
        expect(cache.evaluate(context, who)).toBe(outcome(program.evaluate(context)));
      }
      hits += cache.hits();
    }),
    { numRuns: 500 },
  );
  expect(hits).toBeGreaterThan(20);
});

const at = (now: number, rest: Partial<Situation> = {}): Situation => ({
  values: new Map<string, Reading>([
    ['identity.sub', 'ann'],
    ['request.method', 'GET'],
  ]),
  now,
  authenticated: true,
  proofs: [],
  authAt: Number.NaN,
  createdAt: Number.NaN,
  ...rest,
});
const until = (when: unknown, context: Situation): number => rulesProgram([{ allow: 'a', when }]).validUntil(context);

test.each([
  ['nothing that moves', { 'request.method': 'GET' }, at(NOW), Number.POSITIVE_INFINITY],
  ['calendar: the next quarter of an hour', { 'time.hour': 7 }, at(NOW), Date.parse('2026-03-29T01:00:00Z')],
  [
    'calendar: on the boundary, the next one',
    { 'time.hour': 7 },
    at(Date.parse('2026-03-29T01:00:00Z')),
    Date.parse('2026-03-29T01:15:00Z'),
  ],
  [
    'instant: the constant',
    { 'time.now': { before: '2026-03-29T02:00:00Z' } },
    at(NOW),
    Date.parse('2026-03-29T02:00:00Z'),
  ],
  ['instant: long past', { 'time.now': { before: '2020-01-01T00:00:00Z' } }, at(NOW), Number.POSITIVE_INFINITY],
  [
    'age: origin plus threshold',
    { 'session.age': { below: '1h' } },
    at(NOW, { createdAt: NOW - MINUTE }),
    NOW + 59 * MINUTE,
  ],
  ['age: without an origin', { 'session.age': { below: '1h' } }, at(NOW), Number.POSITIVE_INFINITY],
  ['erratic: now', { 'session.idle': { below: '1h' } }, at(NOW), NOW],
  ['a header: now', { 'request.header.x': 'y' }, at(NOW), NOW],
  [
    'an age against another attribute: now',
    { 'session.age': { below: { attribute: 'identity.auth_age' } } },
    at(NOW),
    NOW,
  ],
])('validUntil: %s', (_name, when, context, expected) => {
  expect(until(when, context)).toBe(expected);
});

test('a proof that runs out and a max_age that is exceeded end a remembered decision', () => {
  const program = rulesProgram([{ allow: 'a' }, { step_up: 's', require: { level: 'medium', max_age: '15m' } }]);
  const proofs = [{ method: 'totp', level: 'medium', at: NOW - 10 * MINUTE }] as const;
  expect(program.validUntil(at(NOW, { proofs }))).toBe(NOW + 5 * MINUTE + 1);
  expect(program.validUntil(at(NOW + 10 * MINUTE, { proofs }))).toBe(NOW + 50 * MINUTE);
});

test('the key is of exactly the request-scoped attributes that are read; null means never remember', () => {
  const when = { 'request.method': 'GET', 'geo.country': 'DE', 'identity.groups': ['ops'], 'time.hour': 7 };
  expect(rulesProgram([{ allow: 'a', when }]).cacheKey).toHaveLength(2);
  expect(rulesProgram([{ allow: 'a' }]).cacheKey).toHaveLength(0);
  expect(rulesProgram([{ allow: 'a', when: { 'request.header.x': 'y' } }]).cacheKey).toBeNull();
  expect(rulesProgram([{ allow: 'a', when: { 'session.idle': { below: '1m' } } }]).cacheKey).toBeNull();
});
