import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { Log } from '../core/ports.ts';
import type { Health } from '../telemetry/health.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { compileTokenCheck } from './guard.ts';
import { PROBLEMS, type ProblemReason, problemBody, problemHeaders } from './problem.ts';

export interface AdminDeps {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly log: Log;
}

export type AdminApp = Hono<{ Bindings: HttpBindings }>;

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
  const { metrics, health, log } = deps;
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

  app.use('/api/v1/*', async (c, next) => {
    const found = verdict(c.env.incoming.rawHeaders);
    if (found === 'valid') return next();
    return problem(found === 'missing' ? 'login_required' : 'invalid_token');
  });

  app.notFound(() => problem('no_route'));
  app.onError((error, c) => {
    log.error('admin request failed', { method: c.req.method, path: c.req.path, error: error.stack ?? error.message });
    return problem('internal_error');
  });
  return app;
}

const problem = (reason: ProblemReason): Response =>
  new Response(problemBody(reason), { status: PROBLEMS[reason].status, headers: problemHeaders(reason) });
