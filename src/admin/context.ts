import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';

/** `id` is that of a request of the API: `X-Request-Id`, and `id` in the audit log. */
type AdminEnvironment = { Bindings: HttpBindings; Variables: { id: string } };
export type AdminApp = Hono<AdminEnvironment>;
export type AdminContext = Context<AdminEnvironment>;
