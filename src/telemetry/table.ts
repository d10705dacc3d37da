/** One row of the table of metrics: what a scrape shows, before any figure. */
export interface MetricRow {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** upper bounds in seconds, ascending, without +Inf; histograms only */
  readonly buckets?: readonly number[];
}

/** Bounds for what a client waits for: 5 ms to 10 s. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Bounds for a decision: 1 µs to 10 ms. */
const DECISION_SECONDS = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
] as const;

/** Bounds for an answer of the store: 1 µs, a read in memory, to 2.5 s. */
const STORE_SECONDS = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
  0.1, 0.25, 1, 2.5,
] as const;

/**
 * THE table of metrics (interfaces, "Metrics"): base units, bounded labels. Node's own metrics come on top. A metric that
 * is not here does not exist; docs/operations.md explains what to watch.
 */
export const METRICS = {
  requests: {
    name: 'sallyport_http_requests_total',
    help: 'Requests answered, by route, method and status.',
    type: 'counter',
    labels: ['route', 'method', 'code'],
  },
  requestDuration: {
    name: 'sallyport_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer, the upstream included.',
    type: 'histogram',
    labels: ['route'],
    buckets: REQUEST_SECONDS,
  },
  upstreamDuration: {
    name: 'sallyport_upstream_duration_seconds',
    help: 'Time from handing a request to the upstream to the head of its answer.',
    type: 'histogram',
    labels: ['route'],
    buckets: REQUEST_SECONDS,
  },
  decisions: {
    name: 'sallyport_decisions_total',
    help: 'Policy decisions, by route, effect and reason code; what was denied because it is blocked too.',
    type: 'counter',
    labels: ['route', 'effect', 'reason'],
  },
  decisionDuration: {
    name: 'sallyport_decision_duration_seconds',
    help: 'Time to reach a decision, remembered ones included.',
    type: 'histogram',
    labels: [],
    buckets: DECISION_SECONDS,
  },
  lanes: {
    name: 'sallyport_requests_total',
    help: 'Requests by the lane that read them.',
    type: 'counter',
    labels: ['lane'],
  },
  connections: {
    name: 'sallyport_connections',
    help: 'Connections of clients that are open.',
    type: 'gauge',
    labels: [],
  },
  connectionsRefused: {
    name: 'sallyport_connections_refused_total',
    help: 'Connections that were not taken because there were too many, in all or from their address, by reason code.',
    type: 'counter',
    labels: ['reason'],
  },
  connectionsCut: {
    name: 'sallyport_connections_cut_total',
    help: 'Exchanges that were ended because the client was too slow or stood still, by how.',
    type: 'counter',
    labels: ['reason'],
  },
  activeSessions: {
    name: 'sallyport_active_sessions',
    help: 'Sessions that are neither ended nor expired.',
    type: 'gauge',
    labels: [],
  },
  cacheHits: {
    name: 'sallyport_session_cache_hits_total',
    help: 'Credentials found in the local cache.',
    type: 'counter',
    labels: [],
  },
  cacheMisses: {
    name: 'sallyport_session_cache_misses_total',
    help: 'Credentials that the store was asked for.',
    type: 'counter',
    labels: [],
  },
  storeUp: {
    name: 'sallyport_store_up',
    help: '1 while the store answers, else 0.',
    type: 'gauge',
    labels: [],
  },
  storeDuration: {
    name: 'sallyport_store_duration_seconds',
    help: 'Time that the store took to answer, failures included, by operation.',
    type: 'histogram',
    labels: ['op'],
    buckets: STORE_SECONDS,
  },
  authentications: {
    name: 'sallyport_authentications_total',
    help: 'Attempts to prove an identity, by method and result.',
    type: 'counter',
    labels: ['method', 'result'],
  },
  revocations: {
    name: 'sallyport_revocations_total',
    help: 'Sessions, tokens and users whose access was ended, by kind.',
    type: 'counter',
    labels: ['kind'],
  },
  blocks: {
    name: 'sallyport_blocks',
    help: 'Blocks in force, by kind of what is blocked.',
    type: 'gauge',
    labels: ['kind'],
  },
  rateLimited: {
    name: 'sallyport_rate_limited_total',
    help: 'Requests and sign-ins refused by a rate limit, by what it counts.',
    type: 'counter',
    labels: ['scope'],
  },
  rateUncounted: {
    name: 'sallyport_rate_uncounted_total',
    help: 'Requests let in without being counted against a rate limit, because too many callers are counted already.',
    type: 'counter',
    labels: ['scope'],
  },
  auditDropped: {
    name: 'sallyport_audit_dropped_total',
    help: 'Audit events that were lost because the audit file could not keep up or could not be written.',
    type: 'counter',
    labels: [],
  },
  reloadSuccess: {
    name: 'sallyport_config_reload_success',
    help: '1 if the configuration was good the last time it was read, else 0 and the old one is in force.',
    type: 'gauge',
    labels: [],
  },
  reloadTimestamp: {
    name: 'sallyport_config_last_reload_timestamp_seconds',
    help: 'When the configuration in force was loaded, Unix time.',
    type: 'gauge',
    labels: [],
  },
  buildInfo: {
    name: 'sallyport_build_info',
    help: 'Always 1; the labels say what runs.',
    type: 'gauge',
    labels: ['version', 'node'],
  },
} as const satisfies Readonly<Record<string, MetricRow>>;
