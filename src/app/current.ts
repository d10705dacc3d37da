import { type Finding, InvalidConfiguration } from '../core/finding.ts';
import type { Clock, Log } from '../core/ports.ts';
import { fingerprint } from './fingerprint.ts';
import type { PlaneDeps } from './plane.ts';
import { ratesOf } from './rates.ts';
import { type Built, buildSnapshot, type Environment, type Snapshot } from './snapshot.ts';

/** The snapshot in force, and how another one comes into force. */
export interface Current {
  readonly snapshot: Snapshot;
  /** of the newest reading, whether it came into force or not */
  readonly findings: readonly Finding[];
  readonly watched: readonly string[];
  /** false: a watched file is another than when it was read last */
  isCurrent(): boolean;
  /** Reads everything anew; swaps it in when it is good, and otherwise keeps what is in force. Never throws. */
  reload(): { readonly ok: boolean; readonly findings: readonly Finding[] };
}

/**
 * Reads a configuration at once, and again whenever told to.
 *
 * @param onSwap told of the next snapshot just before it comes into force; must not throw
 * @throws InvalidConfiguration with all findings
 */
export function openCurrent(
  source: { readonly file: string; readonly env: Environment },
  deps: PlaneDeps & { readonly clock: Clock; readonly log: Log },
  onSwap: (next: Snapshot) => void,
): Current {
  const { upstreams, rates, metrics, clock, log } = deps;
  const first = buildSnapshot(source.file, source.env, deps);
  if (first.value === undefined) throw new InvalidConfiguration(first.findings);
  let snapshot: Snapshot = first.value;
  let { findings, watched } = first;
  let readState = fingerprint(watched);
  metrics.configReload(true, clock.now());

  return {
    get snapshot() {
      return snapshot;
    },
    get findings() {
      return findings;
    },
    get watched() {
      return watched;
    },
    isCurrent: () => fingerprint(watched) === readState,
    reload() {
      const next = build();
      findings = next.findings;
      watched = next.watched;
      readState = fingerprint(watched);
      metrics.configReload(next.value !== undefined, clock.now());
      if (next.value !== undefined) {
        warnOfRestart(snapshot, next.value);
        onSwap(next.value);
        snapshot = next.value;
      }
      // also the pools and counters that only a refused configuration asked for
      upstreams.retain(snapshot.routes.map((route) => route.upstream));
      rates.retain(ratesOf(snapshot.plane, snapshot.routes));
      return { ok: next.value !== undefined, findings };
    },
  };

  /** A bug of ours in reading a file is no reason to stop serving by the former one. */
  function build(): Built<Snapshot> {
    try {
      return buildSnapshot(source.file, source.env, deps);
    } catch (error) {
      log.error('a configuration could not be built', { error: error instanceof Error ? error.stack : String(error) });
      const message = `The configuration cannot be built (${error instanceof Error ? error.message : String(error)}).`;
      const finding = { file: source.file, line: 1, column: 1, code: 'internal', severity: 'error', message } as const;
      return { value: undefined, findings: [finding], watched };
    }
  }

  /** What is bound or opened once does not move at a reload; whoever changed it should know. */
  function warnOfRestart(before: Snapshot, after: Snapshot): void {
    const fixed = fixedParts(after.config);
    for (const [key, value] of Object.entries(fixedParts(before.config))) {
      if (JSON.stringify(value) !== JSON.stringify(fixed[key]))
        log.warn(`\`${key}\` changed; it takes effect at the next start`, {});
    }
  }
}

/** What is bound or opened once. Of the limits, only the parser's own does not move. */
const fixedParts = ({ limits, ...config }: Snapshot['config']): Readonly<Record<string, unknown>> => ({
  listen: config.listen,
  admin: config.admin,
  store: config.store,
  secrets: config.secrets,
  audit: config.audit,
  'limits.head': limits.head,
});
