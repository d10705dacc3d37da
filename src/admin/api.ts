import { AuditUnavailable } from '../audit/audit.ts';
import { StoreUnavailable } from '../core/store.ts';
import { type ApiDeps, BY, type Call, type Outcome } from './api-deps.ts';
import { blockHandlers } from './blocks-api.ts';
import type { AdminApp, AdminContext } from './context.ts';
import { API_PREFIX, OPERATIONS, type Operation, type OperationId } from './operations.ts';
import { answerHandlers } from './policies-api.ts';
import { type ProblemReason, problem } from './problem.ts';
import { compileInput } from './read-input.ts';
import { sessionHandlers } from './sessions-api.ts';
import { userHandlers } from './users-api.ts';

type Handler = (input: unknown, call: Call) => Promise<Outcome>;

/** Puts the operations of the API on an app whose door (token, origin) stands before them already. */
export function mountApi(app: AdminApp, deps: ApiDeps): void {
  const handlers = {
    ...sessionHandlers(deps),
    ...userHandlers(deps),
    ...blockHandlers(deps),
    ...answerHandlers(deps),
  };
  const methods = new Map<string, string[]>();
  for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = API_PREFIX + operation.path.replace(/\{(\w+)\}/g, ':$1');
    const method = operation.method.toUpperCase();
    methods.set(path, [...(methods.get(path) ?? []), ...(method === 'GET' ? ['GET', 'HEAD'] : [method])]);
    const read = compileInput(operation, UNKNOWN[operation.path.split('/')[1] as string] ?? 'no_route');
    // what the schemas of the operation read is what its handler takes: the one cast of the table
    const handler = handlers[id as OperationId] as Handler;
    app.on(method, path, async (c) => {
      const input = await read(c);
      return answer(c, input.ok ? await handler(input.value, callOf(c, deps, method)) : input);
    });
  }
  for (const [path, allowed] of methods)
    app.all(path, () => problem('method_not_allowed', undefined, allowed.join(', ')));
}

/** What a path is answered whose parameter names nothing, by its first segment. */
const UNKNOWN: Readonly<Record<string, ProblemReason>> = {
  sessions: 'unknown_session',
  users: 'unknown_user',
  blocks: 'unknown_block',
};

function answer(c: AdminContext, outcome: Outcome | { readonly ok: false; readonly reason: ProblemReason }): Response {
  if (!outcome.ok) return problem(outcome.reason, 'extra' in outcome ? outcome.extra : undefined);
  const { body } = outcome;
  if (body === undefined) return c.body(null, 204);
  return typeof body === 'string' ? c.body(body, 200, { 'Content-Type': 'application/json' }) : c.json(body);
}

function callOf(c: AdminContext, { clock, recorder }: ApiDeps, method: string): Call {
  const { remoteAddress } = c.env.incoming.socket;
  return {
    address: remoteAddress,
    administered: (event) =>
      recorder.recordDurably({
        time: clock.now(),
        type: 'administration',
        by: BY,
        id: c.get('id'),
        method,
        path: c.req.path,
        ...(remoteAddress !== undefined && { address: remoteAddress }),
        ...event,
      }),
  };
}

/** What a throw of an operation means to the client; undefined: a bug of ours. */
export function reasonOfError(error: unknown): ProblemReason | undefined {
  if (error instanceof StoreUnavailable) return 'store_unavailable';
  return error instanceof AuditUnavailable ? 'audit_unavailable' : undefined;
}
