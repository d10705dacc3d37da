import { Hono } from 'hono';
import type { Log } from '../core/ports.ts';
import type { Health } from '../telemetry/health.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { mountApi, reasonOfError } from './api.ts';
import type { ApiDeps } from './api-deps.ts';
import type { AdminApp, AdminContext } from './context.ts';
import { compileTokenCheck, isOwnOrigin } from './guard.ts';
import { API_PREFIX } from './operations.ts';
import { type ProblemReason, problem } from './problem.ts';

export interface AdminDeps {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly log: Log;
  /** left out: there is nothing behind the door of the API */
  readonly api?: ApiDeps;
}

/** Nothing here is for frames, caches or other origins. */
export const PROTECTIVE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/**
 * The table of the admin listener (interfaces, "Listeners"). Health and metrics are open; everything else needs the token,
 * and its absence is told before whether there is anything.
 */
export function adminRoutes(deps: AdminDeps, token: string | undefined): AdminApp {
  const { metrics, health, log, api } = deps;
  const verdict = compileTokenCheck(token);
  const app: AdminApp = new Hono();

  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(PROTECTIVE_HEADERS)) c.header(name, value);
  });

  // live: this answer is the proof. A process that drains is alive and must not be killed for it.
  app.get('/healthz', (c) => c.json({ status: health.draining ? 'draining' : 'ok' }));
  app.get('/livez', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => {
    const { ready, reasons } = await health.ready();
    return c.json({ status: ready ? 'ready' : 'not_ready', reasons }, ready ? 200 : 503);
  });
  app.get('/metrics', async (c) => {
    const { contentType, body } = await metrics.render();
    return c.body(body, 200, { 'Content-Type': contentType });
  });
  for (const path of ['/healthz', '/livez', '/readyz', '/metrics']) app.all(path, () => problem('method_not_allowed'));

  app.use(`${API_PREFIX}/*`, async (c, next) => {
    const refusal = refusalOf(c.env.incoming.rawHeaders);
    if (api !== undefined) {
      c.set('id', api.random.id());
      if (refusal === undefined) await next();
      else record(c, api, refusal);
    } else if (refusal === undefined) await next();
    if (refusal !== undefined) c.res = problem(refusal);
    if (api !== undefined) c.header('X-Request-Id', c.get('id'));
  });
  if (api !== undefined) mountApi(app, api);

  app.notFound(() => problem('no_route'));
  app.onError((error, c) => {
    const { method, path } = c.req;
    log.error('admin request failed', { id: c.get('id'), method, path, error: error.stack ?? error.message });
    return problem(reasonOfError(error) ?? 'internal_error');
  });
  return app;

  function refusalOf(rawHeaders: readonly string[]): ProblemReason | undefined {
    if (!isOwnOrigin(rawHeaders)) return 'csrf_failed';
    const found = verdict(rawHeaders);
    return found === 'valid' ? undefined : found === 'missing' ? 'login_required' : 'invalid_token';
  }
}

/** Whoever tries tokens, or has a browser do so, is in the audit log; who has none is not worth a line. */
function record(c: AdminContext, { clock, recorder }: ApiDeps, reason: ProblemReason): void {
  if (reason === 'login_required') return;
  const { remoteAddress } = c.env.incoming.socket;
  recorder.record({
    time: clock.now(),
    type: 'authentication',
    action: 'admin_api',
    result: 'failure',
    reason,
    id: c.get('id'),
    method: c.req.method,
    path: c.req.path,
    ...(remoteAddress !== undefined && { address: remoteAddress }),
  });
}
