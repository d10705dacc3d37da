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
    checkPolicies: async ({ body }) => ({ ok: true, body: check(body.files) }),

    async explainRequest({ body }) {
      const explained = await explain(body);
      return explained.ok
        ? { ok: true, body: explained.answer }
        : { ok: false, reason: 'invalid_request', extra: { detail: explained.detail } };
    },

    async getHealth() {
      const { ready, reasons } = await health.ready();
      const status = ready ? 'ready' : health.draining ? 'draining' : 'not_ready';
      return { ok: true, body: { status, reasons, version } };
    },

    getDescription: async () => ({ ok: true, body: description }),
  };
}
