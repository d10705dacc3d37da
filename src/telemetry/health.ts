import type { MaybePromise } from '../core/assert-never.ts';

/** Looks at one thing the gateway needs: undefined when it is well, else a short reason without secrets. */
export type Probe = () => MaybePromise<string | undefined>;

export interface Readiness {
  readonly ready: boolean;
  /** `name: reason`, one for each check that fails; empty when ready */
  readonly reasons: readonly string[];
}

export interface Health {
  /** Adds or replaces a named check. */
  check(name: string, probe: Probe): void;
  /** Whether the process can do its work now. Checks run side by side; one that throws or takes over a second fails. */
  ready(): Promise<Readiness>;
  /** Start-up is over: until then nothing is ready. */
  started(): void;
  /** From now on not ready, for good: load balancers shall send no new work. */
  drain(): void;
  readonly draining: boolean;
}

const PROBE_TIMEOUT_MS = 1000;

/** Opens the health of a process: live as long as it answers at all, ready between `started` and `drain` if all checks hold. */
export function openHealth(): Health {
  const probes = new Map<string, Probe>();
  let phase: 'starting' | 'running' | 'draining' = 'starting';
  return {
    check: (name, probe) => void probes.set(name, probe),
    async ready() {
      if (phase !== 'running') return { ready: false, reasons: [`gateway: ${phase}`] };
      const found = await Promise.all([...probes].map(async ([name, probe]) => [name, await verdict(probe)] as const));
      const reasons = found.flatMap(([name, reason]) => (reason === undefined ? [] : [`${name}: ${reason}`]));
      return { ready: reasons.length === 0, reasons };
    },
    started() {
      if (phase === 'starting') phase = 'running';
    },
    drain() {
      phase = 'draining';
    },
    get draining() {
      return phase === 'draining';
    },
  };
}

async function verdict(probe: Probe): Promise<string | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, PROBE_TIMEOUT_MS, 'no answer');
  try {
    return await Promise.race([probe(), late]);
  } catch {
    // what was thrown may name hosts or paths, and this is read without signing in
    return 'check failed';
  } finally {
    clearTimeout(timer);
  }
}
