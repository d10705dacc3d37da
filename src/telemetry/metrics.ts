import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from '@prometheus-io/client';
import type { MaybePromise } from '../core/assert-never.ts';
import type { Effect } from '../core/decision.ts';
import { DecisionCounts, Histogram, ReasonLabels, StatusCounts } from './figures.ts';
import { METRICS, type MetricRow } from './table.ts';

/** What the pipeline holds for a route, resolved once per snapshot. No method allocates once its labels were seen. */
export interface RouteMetrics {
  /** one answered request: method as canonical, status as sent, ms from its head to the end of its answer */
  request(method: string, status: number, durationMs: number): void;
  /** ms from handing over to the head of the upstream's answer */
  upstream(durationMs: number): void;
  /** one decision; no reason on allow */
  decision(effect: Effect, reason: string | undefined, durationMs: number): void;
  /** one request that was denied before any policy was asked; counted among the decisions */
  refused(reason: string): void;
}

/** Figures that others own and that are only read when somebody scrapes. One that throws or is late is left out. */
export interface MetricSources {
  readonly connections?: () => number;
  /** since the start, by reason; the words are few and come from code */
  readonly connectionsRefused?: () => Readonly<Record<string, number>>;
  readonly connectionsCut?: () => Readonly<Record<string, number>>;
  readonly activeSessions?: () => MaybePromise<number>;
  readonly cacheHits?: () => number;
  readonly cacheMisses?: () => number;
  /** left out of the scrape only when there is no source; a failure reads as 0 */
  readonly storeUp?: () => MaybePromise<boolean>;
  /** what is blocked, by kind */
  readonly blocks?: () => Readonly<Record<string, number>>;
  /** how many times access was ended since the start, by kind: `session`, later `token` and `user` */
  readonly revocations?: () => MaybePromise<Readonly<Record<string, number>>>;
}

export interface Metrics {
  /** The figures of a route by its configured name; the same name gives the same figures for the life of the process. */
  route(name: string): RouteMetrics;
  /** one request read by this lane (`node`, later `fast`) */
  lane(name: string): void;
  authentication(method: string, result: string): void;
  /** The figures of one operation of the store: told the ms that it took. Allocates nothing per answer. */
  storeOperation(operation: string): (durationMs: number) => void;
  /** a rate limit refused something; `scope` is one of a few words of ours */
  rateLimited(scope: string): void;
  /** a request was not counted against a rate limit, since there was no room for it */
  rateUncounted(scope: string): void;
  auditDropped(count: number): void;
  /** an attempt to load the configuration; @param atMs wall-clock ms */
  configReload(ok: boolean, atMs: number): void;
  /** names the sources of gauges; later calls add to and replace earlier ones */
  read(sources: MetricSources): void;
  /** The whole scrape, Prometheus text format 0.0.4. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Route label of requests that no route answers, and of the gateway's own endpoints: no configured name has parentheses. */
export const NO_ROUTE = '(none)';
export const OWN_ROUTE = '(sallyport)';

// Names come from configuration and code, never from clients; these bounds only keep years of reloads from adding up.
const MAX_ROUTES = 10_000;
const MAX_LABEL_VALUES = 100;
const SOURCE_TIMEOUT_MS = 1000;

/** Opens the metrics of a process on a registry of their own. @param build what `sallyport_build_info` says */
export function openMetrics(build: { readonly version: string; readonly node: string }): Metrics {
  const registry = new Registry();
  const routes = new Map<string, RouteFigures>();
  const lanes = new Map<string, number>();
  const storeOperations = new Map<string, Histogram>();
  const reasons = new ReasonLabels();
  const decisionDuration = new Histogram(METRICS.decisionDuration.buckets);
  let sources: MetricSources = {};

  const view = (row: MetricRow, values: () => MaybePromise<Sample[]>) => registerView(registry, row, values);
  const perRoute = (samples: (figures: RouteFigures) => Iterable<Sample>) => () =>
    [...routes.values()].flatMap((figures) => [...samples(figures)]);
  const source = (row: MetricRow, find: () => (() => MaybePromise<number>) | undefined, otherwise?: number) =>
    view(row, async () => {
      const read = find();
      if (read === undefined) return [];
      const figure = await settled(read);
      const value = Number.isFinite(figure) ? figure : otherwise;
      return value === undefined ? [] : [{ labels: {}, value }];
    });

  view(
    METRICS.requests,
    perRoute(({ route, requests }) => requestSamples(route, requests)),
  );
  view(
    METRICS.requestDuration,
    perRoute((f) => histogramSamples(METRICS.requestDuration, { route: f.route }, f.duration)),
  );
  view(
    METRICS.upstreamDuration,
    perRoute((f) => histogramSamples(METRICS.upstreamDuration, { route: f.route }, f.upstream)),
  );
  view(
    METRICS.decisions,
    perRoute(({ route, decisions }) => decisionSamples(route, decisions)),
  );
  view(METRICS.decisionDuration, () => histogramSamples(METRICS.decisionDuration, {}, decisionDuration));
  view(METRICS.lanes, () => [...lanes].map(([lane, value]) => ({ labels: { lane }, value })));
  source(METRICS.connections, () => sources.connections);
  const byReason = (counts: Readonly<Record<string, number>> = {}): Sample[] =>
    Object.entries(counts).map(([reason, value]) => ({ labels: { reason }, value }));
  view(METRICS.connectionsRefused, () => byReason(sources.connectionsRefused?.()));
  view(METRICS.connectionsCut, () => byReason(sources.connectionsCut?.()));
  source(METRICS.activeSessions, () => sources.activeSessions);
  source(METRICS.cacheHits, () => sources.cacheHits);
  source(METRICS.cacheMisses, () => sources.cacheMisses);
  const perKind = (row: MetricRow, find: () => (() => MaybePromise<Readonly<Record<string, number>>>) | undefined) =>
    view(row, async () => {
      const read = find();
      const byKind = read && (await settled(read));
      return Object.entries(byKind ?? {}).map(([kind, value]) => ({ labels: { kind }, value }));
    });
  perKind(METRICS.revocations, () => sources.revocations);
  perKind(METRICS.blocks, () => sources.blocks);
  view(METRICS.storeDuration, () =>
    [...storeOperations].flatMap(([op, histogram]) => histogramSamples(METRICS.storeDuration, { op }, histogram)),
  );
  source(METRICS.storeUp, () => sources.storeUp && (async () => ((await sources.storeUp?.()) ? 1 : 0)), 0);
  const authentications = counter(registry, METRICS.authentications);
  const rateLimited = counter(registry, METRICS.rateLimited);
  const rateUncounted = counter(registry, METRICS.rateUncounted);
  const auditDropped = counter(registry, METRICS.auditDropped);
  const reloadSuccess = gauge(registry, METRICS.reloadSuccess);
  const reloadTimestamp = gauge(registry, METRICS.reloadTimestamp);
  gauge(registry, METRICS.buildInfo).set({ ...build }, 1);
  collectDefaultMetrics({ register: registry });
  const methods = bounded();
  const results = bounded();

  return {
    route(name) {
      const label = routes.has(name) || routes.size < MAX_ROUTES ? name : 'other';
      const figures = routes.get(label) ?? openRoute(label, reasons);
      routes.set(label, figures);
      return {
        request(method, status, durationMs) {
          figures.requests.count(method, status);
          figures.duration.observe(durationMs);
        },
        upstream: (durationMs) => figures.upstream.observe(durationMs),
        decision(effect, reason, durationMs) {
          figures.decisions.count(effect, reason);
          decisionDuration.observe(durationMs);
        },
        refused: (reason) => figures.decisions.count('deny', reason),
      };
    },
    lane: (name) => void lanes.set(name, (lanes.get(name) ?? 0) + 1),
    authentication: (method, result) => authentications.inc({ method: methods(method), result: results(result) }),
    storeOperation(operation) {
      const histogram = storeOperations.get(operation) ?? new Histogram(METRICS.storeDuration.buckets);
      storeOperations.set(operation, histogram);
      return (durationMs) => histogram.observe(durationMs);
    },
    rateLimited: (scope) => rateLimited.inc({ scope }),
    rateUncounted: (scope) => rateUncounted.inc({ scope }),
    auditDropped: (count) => count > 0 && auditDropped.inc(count),
    configReload(ok, atMs) {
      reloadSuccess.set(ok ? 1 : 0);
      if (ok) reloadTimestamp.set(atMs / 1000);
    },
    read(more) {
      sources = { ...sources, ...more };
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

interface RouteFigures {
  readonly route: string;
  readonly requests: StatusCounts;
  readonly duration: Histogram;
  readonly upstream: Histogram;
  readonly decisions: DecisionCounts;
}

const openRoute = (route: string, reasons: ReasonLabels): RouteFigures => ({
  route,
  requests: new StatusCounts(),
  duration: new Histogram(METRICS.requestDuration.buckets),
  upstream: new Histogram(METRICS.upstreamDuration.buckets),
  decisions: new DecisionCounts(reasons),
});

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly metricName?: string;
}

function* requestSamples(route: string, requests: StatusCounts): Iterable<Sample> {
  for (const { method, code, value } of requests.read()) yield { labels: { route, method, code }, value };
}

function* decisionSamples(route: string, decisions: DecisionCounts): Iterable<Sample> {
  for (const { effect, reason, value } of decisions.read()) yield { labels: { route, effect, reason }, value };
}

function histogramSamples(row: MetricRow, labels: Readonly<Record<string, string>>, histogram: Histogram): Sample[] {
  const { cumulative, sumSeconds } = histogram.read();
  const bounds = [...(row.buckets ?? []).map(String), '+Inf'];
  return [
    ...bounds.map((le, i) => ({
      metricName: `${row.name}_bucket`,
      labels: { ...labels, le },
      value: cumulative[i] ?? 0,
    })),
    { metricName: `${row.name}_sum`, labels, value: sumSeconds },
    { metricName: `${row.name}_count`, labels, value: cumulative.at(-1) ?? 0 },
  ];
}

/** Registers a metric whose samples are made when scraped. */
function registerView(registry: Registry, row: MetricRow, samples: () => MaybePromise<Sample[]>): void {
  const { name, help, type } = row;
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: async () => ({ name, help, type, values: await samples() }),
  };
  // the client's type only knows its own classes; its registry asks for a name and `get`, as its own `aggregate` relies on
  registry.registerMetric(metric as unknown as Metric);
}

const counter = (registry: Registry, row: MetricRow): Counter<string> =>
  new Counter({ name: row.name, help: row.help, labelNames: [...row.labels], registers: [registry] });
const gauge = (registry: Registry, row: MetricRow): Gauge<string> =>
  new Gauge({ name: row.name, help: row.help, labelNames: [...row.labels], registers: [registry] });

/** Keeps a label bounded: the first words as they come, then `other`. */
function bounded(): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (!seen.has(value) && seen.size >= MAX_LABEL_VALUES) return 'other';
    seen.add(value);
    return value;
  };
}

/** What a source says, or undefined when it throws or is late: a scrape must not hang on a stuck store. */
async function settled<T>(read: () => MaybePromise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, SOURCE_TIMEOUT_MS, undefined);
  try {
    return await Promise.race([read(), late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
