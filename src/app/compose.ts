import { openAdminListener } from '../admin/listener.ts';
import { cidrSet, isLoopback } from '../core/address.ts';
import type { Answer } from '../core/handler.ts';
import type { Service } from '../core/ports.ts';
import type { GatewayReason } from '../core/reasons.ts';
import type { Store } from '../core/store.ts';
import { signAssertion } from '../identity/assertion.ts';
import { openBearer } from '../identity/authenticators/bearer.ts';
import { openPendingSignIns } from '../identity/factors/pending.ts';
import { openFactors } from '../identity/factors/store.ts';
import { identityHeaders } from '../identity/headers.ts';
import { openKnownDevices } from '../identity/known-devices.ts';
import { openLockout } from '../identity/lockout.ts';
import { openKeyRing } from '../keys/key-ring.ts';
import { loadRootSecrets } from '../keys/root-secrets.ts';
import { openBlockIndex } from '../limits/block-index.ts';
import { openRateLimits } from '../limits/rate-limits.ts';
import { renderRefusal } from '../pages/refusal.ts';
import { openDeviceCookies } from '../portal/device-cookie.ts';
import { portalEndpoints } from '../portal/endpoints.ts';
import { ownHeaders } from '../proxy/answers.ts';
import { ownEndpoints } from '../proxy/endpoints.ts';
import { openGate } from '../proxy/gate.ts';
import { openPipeline } from '../proxy/pipeline.ts';
import { openRecord } from '../proxy/record.ts';
import { openUpstreams } from '../proxy/upstreams.ts';
import { openHealth } from '../telemetry/health.ts';
import { NO_ROUTE, OWN_ROUTE, openMetrics } from '../telemetry/metrics.ts';
import { type LaneLimits, openNodeLane } from '../wire/node-lane.ts';
import { administration } from './administration.ts';
import { type Current, openCurrent } from './current.ts';
import { issuersOf } from './issuers.ts';
import { openPolicyThread } from './policy-thread.ts';
import { openServices, type Ports, type Services, sessionLimits } from './services.ts';
import { hasLocalPassword, resumeLocally, signInLocally } from './signing-in.ts';
import type { Environment, Snapshot } from './snapshot.ts';
import { startFailure, startStep } from './start-failure.ts';
import { timedStore } from './timed-store.ts';

export interface GatewayOptions {
  /** configuration file */
  readonly file: string;
  readonly env: Environment;
  readonly version: string;
}

export interface Gateway extends Service, Current {
  /** ports as bound; 0 before `start` */
  readonly port: number;
  readonly adminPort: number;
  readonly services: Services;
}

/**
 * The only place where parts are built and wired. Reads the configuration at once. `start` rejects with `StartFailure`,
 * `StoreUnavailable` or the system's error about an address; `close` is then still to be called. `close` lets running
 * requests finish until the deadline; flushing may take a second more for each part that has something to write.
 *
 * @throws InvalidConfiguration with all findings; StartFailure when there is no usable root secret
 */
export function composeGateway(ports: Ports, options: GatewayOptions): Gateway {
  const { clock, random, log } = ports;
  const metrics = openMetrics({ version: options.version, node: process.versions.node });
  const upstreams = openUpstreams(clock.monotonic);
  const health = openHealth();
  const rates = openRateLimits({
    clock,
    log,
    increment: (...given) => store.increment(...given),
    onRefused: metrics.rateLimited,
    onUncounted: metrics.rateUncounted,
  });
  const current = openCurrent(options, { upstreams, rates, metrics, clock, log }, (next) => {
    services.useProviders(next.config);
    sessions.configure(sessionLimits(next.config));
    bearer.configure(issuersOf(next.config));
    lane.configure(laneLimits(next));
  });
  const { config } = current.snapshot;

  const timed = (opened: Store): Store => timedStore(opened, clock, metrics.storeOperation);
  const services = openServices(ports, config, metrics.auditDropped, timed);
  const { store, storeNotes, coherence, sessions, hasher, audit, blocks } = services;
  const { accounts } = services;
  const blockIndex = openBlockIndex({ store, clock, log });
  coherence.follow(blockIndex);
  const lockout = openLockout({ store, clock, perTarget: () => current.snapshot.config.limits.rate.sign_in });
  const bearer = openBearer(
    {
      clock,
      log,
      store: {
        blockOf: ({ user, provider }, jti) =>
          blocks.blockOf(
            { kind: 'user', user },
            ...(jti === undefined ? [] : [{ kind: 'token', provider, jti } as const]),
          ),
        // the gate has brought all of this process in step, so that a request asks the store once
        position: coherence.position,
        birth: () => store.birth(),
      },
      count: (result) => metrics.authentication('bearer', result),
    },
    issuersOf(config),
  );
  const isShared = config.store.redis !== undefined;
  const roots = rootSecrets();
  if (roots.created) log.info('made a root secret; keep it with the store', { file: `${config.store.path}/secret` });
  const keys = openKeyRing({ store, clock, random }, roots);
  const factors = openFactors(
    { store, clock, random, alive: sessions.alive, drift: () => current.snapshot.config.identity.totp.drift },
    keys.deriveAll('factor/seal'),
  );

  const known = openKnownDevices({ store, clock });
  const devices = openDeviceCookies({ random, known }, keys.deriveAll('device-cookie'));

  const plainLoopback = isLoopback(config.listen.http.host);
  const endpoints = portalEndpoints({
    clock,
    random,
    recorder: audit,
    sessions,
    signIn: async ({ username, password, facts }) => {
      const given = { username, password, address: facts.clientAddress, device: devices.idOf(facts) };
      const outcome = await signInLocally({ accounts, hasher, clock, lockout }, given);
      metrics.authentication('password', outcome.ok ? 'success' : outcome.reason);
      if (!outcome.ok && outcome.reason === 'locked_out' && outcome.limit !== undefined) metrics.rateLimited('sign_in');
      return outcome;
    },
    hasPassword: (user) => hasLocalPassword(accounts, user),
    resume: (pending) => resumeLocally(accounts, pending),
    blockOf: (user, device) =>
      blocks.blockOf({ kind: 'user', user }, ...(device === undefined ? [] : [{ kind: 'device', device } as const])),
    pending: openPendingSignIns({ store, clock }),
    factors: {
      ...factors,
      verify: async (user, method, typed, caller) => {
        const outcome = await factors.verify(user, method, typed, caller);
        metrics.authentication(method, outcome.ok ? 'success' : outcome.reason);
        return outcome;
      },
    },
    devices,
    csrfKeys: keys.deriveAll('csrf'),
    jwks: () => keys.jwks(),
    namesHost: (host) => current.snapshot.plane.routes.namesHost(host),
    options: () => {
      const { elevation, canonical } = current.snapshot.plane;
      return { plainLoopback, elevation, maxTargetBytes: canonical.maxTargetBytes };
    },
  });
  const pipeline = openPipeline({
    clock,
    random,
    log,
    current: () => current.snapshot.plane,
    gate: openGate({ sync: coherence.sync, blockOf: blockIndex.ofAddress, waitMs: config.store.timeout }),
    lookUp: sessions.find,
    lookUpToken: bearer.look,
    touch: sessions.touch,
    identity: { identityHeaders, sign: (claims, now) => signAssertion(keys.signing(), claims, now) },
    endpoints: ownEndpoints(endpoints, async (cookie, host) => sessions.lookup(cookie, host, clock.now())),
    record: openRecord({
      clock,
      recorder: audit,
      unrouted: metrics.route(NO_ROUTE),
      own: metrics.route(OWN_ROUTE),
      countLane: () => metrics.lane('node'),
    }),
  });
  const lane = openNodeLane({ ...config.listen.http, maxHeadBytes: config.limits.head }, laneLimits(current.snapshot), {
    log,
    handle: pipeline,
    broken,
    full,
  });
  const policies = openPolicyThread();
  const admin = openAdminListener(
    {
      metrics,
      health,
      log,
      api: administration(services, {
        health,
        lockout,
        version: options.version,
        policies,
        loaded: () => current.snapshot,
        accounts: () => accounts,
      }),
    },
    { address: config.admin.address, hosts: config.admin.hosts, token: config.admin.token },
  );
  metrics.read({
    connections: () => lane.figures().connections,
    connectionsRefused: () => lane.figures().refused,
    connectionsCut: () => lane.figures().cut,
    activeSessions: sessions.activeCount,
    // by whom and in which process does not matter: the change that every process is told is what counts
    revocations: async () => ({ session: await sessions.endedCount() }),
    blocks: () => blockIndex.counts(clock.now()),
    cacheHits: () => sessions.cacheFigures().hits,
    cacheMisses: () => sessions.cacheFigures().misses,
    storeUp: storeAnswers,
  });
  health.check('store', async () => ((await storeAnswers()) ? storeNotes.problem?.() : 'does not answer'));
  // after the store was emptied new keys are made; until then whoever is signed in gets 503
  health.check('signing keys', () => (canSign() ? undefined : 'not available'));
  let port = 0;

  return {
    get port() {
      return port;
    },
    get adminPort() {
      return admin.port();
    },
    get snapshot() {
      return current.snapshot;
    },
    get services() {
      return services;
    },
    get findings() {
      return current.findings;
    },
    get watched() {
      return current.watched;
    },
    isCurrent: current.isCurrent,
    reload: current.reload,
    async start() {
      await startStep(isShared ? 'the store (`store.redis`)' : `the store in ${config.store.path}`, () =>
        store.start(),
      );
      for (const warning of storeNotes.warnings ?? []) log.warn(`the store: ${warning}`, {});
      await startStep(`the audit file ${config.audit.file}`, () => audit.start());
      await startStep('the signing keys', () => keys.start());
      // a request that cannot wait is judged by the blocks that were last known: some have to be
      await startStep('the blocks', async () => coherence.sync());
      await sessions.start();
      await bearer.start();
      await rates.start();
      await admin.start();
      port = await lane.listen();
      health.started();
    },
    async close(deadlineMs) {
      const deadline = clock.monotonic() + deadlineMs;
      // one grace for all of it, and not one for each: whoever sent SIGTERM waits no longer than that
      const left = (): number => Math.max(FLUSH_MS, deadline - clock.monotonic());
      health.drain();
      await lane.close(deadlineMs);
      await bearer.close(left());
      await sessions.close(left());
      await keys.close(left());
      await upstreams.close();
      await rates.close(left());
      await audit.close(left());
      await store.close(left());
      // last, so that readiness can be asked while all of this goes on
      await admin.close(FLUSH_MS);
      await policies.close(FLUSH_MS);
    },
  };

  function rootSecrets(): ReturnType<typeof loadRootSecrets> {
    try {
      return loadRootSecrets(config.secrets, { dataDir: isShared ? undefined : config.store.path, random });
    } catch (error) {
      throw startFailure('the root secret', error);
    }
  }

  async function storeAnswers(): Promise<boolean> {
    try {
      await store.position();
      return true;
    } catch {
      // the metric and the readiness check are the report
      return false;
    }
  }

  function canSign(): boolean {
    try {
      keys.signing();
      return true;
    } catch {
      // as above: the check is the report
      return false;
    }
  }

  /** The answer to a request that the parser refused: nothing of it can be trusted, so it is never a page. */
  function broken(reason: GatewayReason): Answer {
    const id = random.id();
    const answer = renderRefusal({ reason, id, html: false });
    metrics.route(NO_ROUTE).request('other', answer.status, 0);
    audit.record({
      time: clock.now(),
      type: 'decision',
      action: 'request',
      result: 'refused',
      reason,
      id,
      status: answer.status,
    });
    return { ...answer, headers: [...answer.headers, ...ownHeaders(id)] };
  }

  /** The answer to a connection that is not taken. Not an event: the lane counts them, and a flood must not fill the audit file. */
  function full(reason: GatewayReason): Answer {
    const id = random.id();
    const answer = renderRefusal({ reason, id, html: false });
    return { ...answer, headers: [...answer.headers, ...ownHeaders(id)] };
  }
}

/** What the lane holds clients to. */
const laneLimits = ({ config: { limits, timeouts, ...config } }: Snapshot): LaneLimits => {
  const many = cidrSet([...limits.connections_exempt, ...config.trusted_proxies]);
  return {
    connections: limits.connections,
    perAddress: limits.connections_per_address,
    isExempt: many,
    headersTimeoutMs: timeouts.headers,
    requestTimeoutMs: timeouts.request,
    keepAliveTimeoutMs: timeouts.keep_alive,
    idleTimeoutMs: timeouts.idle,
    minRate: {
      bytesPerSecond: limits.min_rate,
      slowBodyMs: timeouts.slow_body,
      slowReaderMs: timeouts.slow_reader,
    },
  };
};

/** What each part gets at least to write what it holds, when running requests used up the grace. */
const FLUSH_MS = 1000;
