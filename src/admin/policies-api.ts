import type { ApiDeps, Handlers } from './api-deps.ts';
import { openApiDocument } from './openapi.ts';

/** What only answers: policies that are tried out, the gateway's own health, and the description of all this. */
export function answerHandlers({
  check,
  explain,
  health,
  version,
}: ApiDeps): Handlers<'checkPolicies' | 'explainRequest' | 'getHealth' | 'getDescription'> {
  const description = openApiDocument();
  return {
    checkPolicies: ({ body }) => check(body.files),
    explainRequest: ({ body }) => explain(body),

    async getHealth() {
      const { ready, reasons } = await health.ready();
      const status = ready ? 'ready' : health.draining ? 'draining' : 'not_ready';
      return { ok: true, body: { status, reasons, version } };
    },

    getDescription: async () => ({ ok: true, body: description }),
  };
}
