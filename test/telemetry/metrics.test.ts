import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REASONS } from '../../src/core/reasons.ts';
import { type Metrics, openMetrics } from '../../src/telemetry/metrics.ts';
import { METRICS } from '../../src/telemetry/table.ts';
import { parseExposition } from './exposition.ts';

const open = () => openMetrics({ version: '1.2.3', node: 'v24.0.0' });
const scrape = async (metrics: Metrics) => parseExposition((await metrics.render()).body);

describe('the scrape', () => {
  test('has every metric of the table, with its type and help, and those of Node', async () => {
    const metrics = open();
    const { families } = await scrape(metrics);
    for (const row of Object.values(METRICS))
      expect(families.get(row.name), row.name).toMatchObject({ type: row.type });
    expect(families.has('process_cpu_seconds_total')).toBe(true);
    expect(families.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
    expect((await metrics.render()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
  test('names follow the conventions: our prefix, base units, counters end in _total', () => {
    for (const { name, type } of Object.values(METRICS)) {
      expect(name).toMatch(/^sallyport_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(name).not.toMatch(/_(ms|us|minutes|kib|mib)(_|$)/);
    }
  });
  test('says what runs', async () => {
    const { value } = await scrape(open());
    expect(value('sallyport_build_info', { version: '1.2.3', node: 'v24.0.0' })).toBe(1);
  });
  test('two processes’ worth of metrics do not mix', async () => {
    const [a, b] = [open(), open()];
    a.lane('node');
    expect((await scrape(a)).value('sallyport_requests_total', { lane: 'node' })).toBe(1);
    expect((await scrape(b)).value('sallyport_requests_total', { lane: 'node' })).toBeUndefined();
  });
});

describe('requests of a route', () => {
  test('are counted by method and status, strange ones under other', async () => {
    const metrics = open();
    const route = metrics.route('wiki');
    for (const [method, status] of [
      ['GET', 200],
      ['GET', 200],
      ['GET', 304],
      ['POST', 599],
      ['BREW', 418],
      ['get', 200],
      ['GET', 0],
      ['GET', 600],
      ['GET', Number.NaN],
    ] as const) {
      route.request(method, status, 1);
    }
    const { value } = await scrape(metrics);
    const count = (method: string, code: string) =>
      value('sallyport_http_requests_total', { route: 'wiki', method, code });
    expect(count('GET', '200')).toBe(2);
    expect(count('GET', '304')).toBe(1);
    expect(count('POST', '599')).toBe(1);
    expect(count('other', '418')).toBe(1);
    expect(count('other', '200')).toBe(1);
    expect(count('GET', 'other')).toBe(3);
  });
  test('the same name gives the same figures, and a removed route keeps them', async () => {
    const metrics = open();
    metrics.route('wiki').request('GET', 200, 1);
    metrics.route('api');
    metrics.route('wiki').request('GET', 200, 1);
    const { value } = await scrape(metrics);
    expect(value('sallyport_http_requests_total', { route: 'wiki', method: 'GET', code: '200' })).toBe(2);
    expect(value('sallyport_http_request_duration_seconds_count', { route: 'api' })).toBe(0);
  });
  test('labels are escaped', async () => {
    const metrics = open();
    const name = 'a"b\\c\nd{e="f"}';
    metrics.route(name).request('GET', 200, 1);
    const { value } = await scrape(metrics);
    expect(value('sallyport_http_requests_total', { route: name, method: 'GET', code: '200' })).toBe(1);
  });
});

describe('histograms', () => {
  test('an observation on a bound belongs to its bucket', async () => {
    const metrics = open();
    const route = metrics.route('r');
    for (const bound of METRICS.requestDuration.buckets) route.request('GET', 200, bound * 1000);
    for (const bound of METRICS.decisionDuration.buckets) route.decision('allow', undefined, bound * 1000);
    const { buckets } = await scrape(metrics);
    expect(buckets('sallyport_http_request_duration_seconds', { route: 'r' }).map((b) => b.value)).toEqual([
      ...METRICS.requestDuration.buckets.map((_, i) => i + 1),
      METRICS.requestDuration.buckets.length,
    ]);
    expect(buckets('sallyport_decision_duration_seconds', {}).map((b) => b.value)).toEqual([
      ...METRICS.decisionDuration.buckets.map((_, i) => i + 1),
      METRICS.decisionDuration.buckets.length,
    ]);
  });
  test('buckets are cumulative, the last is the count, and the sum is right', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { maxLength: 60 }),
        async (durations) => {
          const metrics = open();
          const route = metrics.route('r');
          for (const ms of durations) route.upstream(ms);
          const { buckets, value } = await scrape(metrics);
          const found = buckets('sallyport_upstream_duration_seconds', { route: 'r' });
          for (const { le, value: n } of found)
            expect(n).toBe(durations.filter((ms) => ms <= le * 1000 * (1 + 1e-12)).length);
          expect(found.at(-1)?.le).toBe(Number.POSITIVE_INFINITY);
          expect(value('sallyport_upstream_duration_seconds_count', { route: 'r' })).toBe(durations.length);
          const sum = durations.reduce((a, b) => a + b, 0) / 1000;
          expect(value('sallyport_upstream_duration_seconds_sum', { route: 'r' })).toBeCloseTo(sum, 6);
        },
      ),
      { numRuns: 30 },
    );
  });
  test('a duration that is no number ≥ 0 counts as 0 and does not spoil the sum', async () => {
    const metrics = open();
    for (const ms of [Number.NaN, -1, Number.NEGATIVE_INFINITY, 10]) metrics.route('r').request('GET', 200, ms);
    const { value } = await scrape(metrics);
    expect(value('sallyport_http_request_duration_seconds_count', { route: 'r' })).toBe(4);
    expect(value('sallyport_http_request_duration_seconds_sum', { route: 'r' })).toBe(0.01);
  });
});

describe('decisions', () => {
  test('are counted by effect and reason', async () => {
    const metrics = open();
    const route = metrics.route('r');
    route.decision('allow', undefined, 0.001);
    route.decision('deny', 'policy_denied', 0.001);
    route.decision('deny', 'policy_denied', 0.001);
    route.decision('step_up', 'step_up_required', 0.001);
    route.decision('login', 'login_required', 0.001);
    const { value } = await scrape(metrics);
    const count = (effect: string, reason: string) =>
      value('sallyport_decisions_total', { route: 'r', effect, reason });
    expect(count('allow', '')).toBe(1);
    expect(count('deny', 'policy_denied')).toBe(2);
    expect(count('step_up', 'step_up_required')).toBe(1);
    expect(count('login', 'login_required')).toBe(1);
  });
  test('at most 100 reasons have a label, and those of policies never push out the gateway’s own', async () => {
    const metrics = open();
    for (const name of ['a', 'b']) {
      const route = metrics.route(name);
      for (let i = 0; i < 500; i++) route.decision('deny', `policy_code_${i}`, 0.001);
      for (const reason of Object.keys(REASONS)) route.decision('deny', reason, 0.001);
    }
    const { samples, value } = await scrape(metrics);
    const reasons = new Set(samples.filter((s) => s.name === 'sallyport_decisions_total').map((s) => s.labels.reason));
    reasons.delete('other');
    expect(reasons.size).toBe(100);
    for (const reason of Object.keys(REASONS)) expect(reasons.has(reason), reason).toBe(true);
    const rest = 500 - (100 - Object.keys(REASONS).length);
    expect(value('sallyport_decisions_total', { route: 'b', effect: 'deny', reason: 'other' })).toBe(rest);
  });
});

describe('counters and gauges', () => {
  test('only ever rise, over any sequence of observations and scrapes', async () => {
    const metrics = open();
    const before = new Map<string, number>();
    const act = fc.constantFrom<(m: Metrics) => void>(
      (m) => m.route('r').request('GET', 200, 3),
      (m) => m.route('r').decision('deny', 'blocked', 0.01),
      (m) => m.lane('node'),
      (m) => m.authentication('password', 'failure'),
      (m) => m.storeOperation('get')(0.002),
      (m) => m.auditDropped(3),
      (m) => m.auditDropped(0),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 20 }), async (acts) => {
        for (const one of acts) one(metrics);
        const { samples, families } = await scrape(metrics);
        for (const s of samples) {
          if (!s.name.startsWith('sallyport_') || families.get(s.family)?.type === 'gauge') continue;
          const key = `${s.name}${JSON.stringify(s.labels)}`;
          expect(s.value, key).toBeGreaterThanOrEqual(before.get(key) ?? 0);
          before.set(key, s.value);
        }
      }),
      { numRuns: 20 },
    );
    expect(before.size).toBeGreaterThan(5);
  });
  test('labels that come with events are bounded', async () => {
    const metrics = open();
    for (let i = 0; i < 300; i++) metrics.authentication(`method${i}`, 'failure');
    const { value } = await scrape(metrics);
    expect(value('sallyport_authentications_total', { method: 'other', result: 'failure' })).toBe(200);
  });
  test('a failed reload keeps the time of the configuration in force', async () => {
    const metrics = open();
    metrics.configReload(true, 1_700_000_000_500);
    metrics.configReload(false, 1_700_000_009_000);
    const { value } = await scrape(metrics);
    expect(value('sallyport_config_reload_success', {})).toBe(0);
    expect(value('sallyport_config_last_reload_timestamp_seconds', {})).toBe(1_700_000_000.5);
  });
  test('sources are read when scraped, and one that fails never breaks the scrape', async () => {
    const metrics = open();
    let hits = 7;
    metrics.read({ activeSessions: async () => 3, cacheHits: () => hits, storeUp: () => true });
    metrics.read({
      cacheMisses: () => {
        throw new Error('gone');
      },
    });
    const first = await scrape(metrics);
    expect(first.value('sallyport_active_sessions', {})).toBe(3);
    expect(first.value('sallyport_session_cache_hits_total', {})).toBe(7);
    expect(first.value('sallyport_session_cache_misses_total', {})).toBeUndefined();
    expect(first.value('sallyport_store_up', {})).toBe(1);
    hits = 9;
    metrics.read({ storeUp: () => Promise.reject(new Error('gone')), activeSessions: () => Number.NaN });
    const second = await scrape(metrics);
    expect(second.value('sallyport_session_cache_hits_total', {})).toBe(9);
    expect(second.value('sallyport_store_up', {})).toBe(0);
    expect(second.value('sallyport_active_sessions', {})).toBeUndefined();
  });
  test('revocations are read by kind', async () => {
    const metrics = open();
    metrics.read({ revocations: async () => ({ session: 3, token: 0 }) });
    const first = await scrape(metrics);
    expect(first.value('sallyport_revocations_total', { kind: 'session' })).toBe(3);
    expect(first.value('sallyport_revocations_total', { kind: 'token' })).toBe(0);
    metrics.read({ revocations: () => Promise.reject(new Error('gone')) });
    expect((await scrape(metrics)).samples.some((s) => s.name === 'sallyport_revocations_total')).toBe(false);
  });
  test('answers of the store by operation, from a microsecond up, and none before the first', async () => {
    const metrics = open();
    const [get, commit] = [metrics.storeOperation('get'), metrics.storeOperation('commit')];
    for (const ms of [0.0004, 0.001, 0.0011]) get(ms);
    metrics.storeOperation('get')(Number.NaN);
    const { value, buckets } = await scrape(metrics);
    expect(value('sallyport_store_duration_seconds_count', { op: 'get' })).toBe(4);
    expect(value('sallyport_store_duration_seconds_count', { op: 'commit' })).toBe(0);
    expect(value('sallyport_store_duration_seconds_sum', { op: 'get' })).toBeCloseTo(0.0000025, 10);
    expect(buckets('sallyport_store_duration_seconds', { op: 'get' }).slice(0, 2)).toEqual([
      { le: 0.000001, value: 3 },
      { le: 0.0000025, value: 4 },
    ]);
    commit(3000);
    expect((await scrape(metrics)).buckets('sallyport_store_duration_seconds', { op: 'commit' }).at(-2)?.value).toBe(0);
  });
  test('a source that never answers is left out instead of holding the scrape', async () => {
    const metrics = open();
    metrics.read({ storeUp: () => new Promise(() => {}) });
    expect((await scrape(metrics)).value('sallyport_store_up', {})).toBe(0);
  });
});
