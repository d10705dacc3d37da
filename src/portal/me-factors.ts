import { assertNever } from '../core/assert-never.ts';
import type { AuditEvent } from '../core/event.ts';
import type { Answer, Handler } from '../core/handler.ts';
import type { NotAllowed } from '../identity/factors/changing.ts';
import { MANAGE_NEED } from '../identity/factors/managing.ts';
import type { FactorId } from '../identity/factors/store.ts';
import { totpSecretText, totpUri } from '../identity/factors/totp.ts';
import { renderBackupCodes, renderEnrolTotp } from '../pages/enrol-page.ts';
import { languageOf } from '../pages/negotiate.ts';
import { ME_PATH, signInUrl, stepUpUrl } from '../pages/paths.ts';
import { refuse, seeOther } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { authenticationEvent } from './events.ts';
import { asOwner, isFields, iso, json, mePage, meToken, type Own, readMeForm } from './me.ts';

/**
 * The person's own factors: GET lists them as JSON; POST begins (`action=enrol_totp`) and confirms (`confirm_totp` with `code` and
 * the `enrolment` of the form) an authenticator, makes backup codes (`backup_codes`) or removes a factor (`remove` with `id`).
 * What may be changed when is in identity/factors/managing.ts; who may not is sent to step up, or told to sign in again with 403.
 */
export function myFactorsHandler(deps: PortalDeps): Handler {
  return asOwner(deps, (own) => (own.request.facts.method === 'POST' ? post(deps, own) : list(deps, own)));
}

async function list(deps: PortalDeps, { session }: Own): Promise<Answer> {
  const factors = await deps.factors.list(session.subject.user);
  return json({
    factors: factors.map(({ id, method, createdAt, usedAt, left }) => ({
      id,
      method,
      created_at: iso(createdAt),
      last_used_at: usedAt === undefined ? null : iso(usedAt),
      left,
    })),
  });
}

async function post(deps: PortalDeps, own: Own): Promise<Answer> {
  const { request, session } = own;
  const { user } = session.subject;
  const fields = await readMeForm(deps, own);
  if (!isFields(fields)) return fields;
  switch (fields.get('action')) {
    case 'enrol_totp': {
      const begun = await deps.factors.beginTotp(user, session.id);
      return begun.ok ? enrolPage(deps, own, begun) : notAllowed(deps, own, begun.reason);
    }
    case 'confirm_totp':
      return confirm(deps, own, { ticket: fields.get('enrolment') ?? '', code: fields.get('code') ?? '' });
    case 'backup_codes': {
      const made = await deps.factors.makeBackupCodes(user, session.id);
      if (!made.ok) return made.reason === 'no_factor' ? seeOther(ME_PATH) : notAllowed(deps, own, made.reason);
      await record(deps, own, { action: 'factor_add', result: 'success', status: 200, factors: 'backup_code' });
      return renderBackupCodes(languageOf(request.facts), made.codes);
    }
    case 'remove': {
      const id = (fields.get('id') ?? '') as FactorId;
      const removed = await deps.factors.remove(user, session.id, id);
      if (!removed.ok)
        return removed.reason === 'unknown_factor'
          ? refuse(request, 'no_route')
          : notAllowed(deps, own, removed.reason);
      await record(deps, own, { action: 'factor_remove', result: 'success', status: 303, detail: id });
      return seeOther(ME_PATH);
    }
    default:
      return refuse(request, 'ambiguous_request');
  }
}

async function notAllowed(deps: PortalDeps, own: Own, reason: NotAllowed['reason']): Promise<Answer> {
  switch (reason) {
    case 'step_up':
      return seeOther(stepUpUrl(ME_PATH, MANAGE_NEED));
    case 'sign_in_again':
      return mePage(deps, own, 'too_late');
    case 'session_over':
      return refuse(own.request, 'session_revoked', signInUrl(ME_PATH));
    default:
      return assertNever(reason);
  }
}

async function confirm(
  deps: PortalDeps,
  own: Own,
  given: { readonly ticket: string; readonly code: string },
): Promise<Answer> {
  const { session } = own;
  const { user } = session.subject;
  const confirmed = await deps.factors.confirmTotp(user, session.id, given);
  const event = { action: 'factor_add', factors: 'totp' } as const;
  if (confirmed.ok) {
    await record(deps, own, { ...event, result: 'success', status: 303, detail: confirmed.factor });
    return seeOther(ME_PATH);
  }
  const { reason } = confirmed;
  if (reason !== 'wrong_code' && reason !== 'too_many' && reason !== 'not_begun') return notAllowed(deps, own, reason);
  const status = { wrong_code: 401, too_many: 403, not_begun: 303 }[reason];
  await record(deps, own, { ...event, result: 'failure', reason, status });
  // shown again to the form that began it alone: whoever shares the session must not learn it by sending a wrong code
  const secret = reason === 'wrong_code' ? await deps.factors.pendingTotp(user, session.id, given.ticket) : undefined;
  if (secret !== undefined) return enrolPage(deps, own, { secret, ticket: given.ticket }, true);
  return reason === 'too_many' ? mePage(deps, own, 'too_many') : seeOther(ME_PATH);
}

function enrolPage(
  deps: PortalDeps,
  { request, session }: Own,
  { secret, ticket }: { readonly secret: Uint8Array; readonly ticket: string },
  failed = false,
): Answer {
  const { facts } = request;
  return renderEnrolTotp({
    language: languageOf(facts),
    csrf: meToken(deps, session),
    enrolment: ticket,
    // the host is what the person knows this place by
    uri: totpUri(secret, facts.host, session.subject.sub),
    secret: totpSecretText(secret),
    failed,
  });
}

const record = (
  deps: PortalDeps,
  { request, session }: Own,
  what: Pick<AuditEvent, 'action' | 'result' | 'status'> & Partial<Pick<AuditEvent, 'reason' | 'factors' | 'detail'>>,
): Promise<void> =>
  deps.recorder.recordDurably(
    authenticationEvent(request.facts, {
      time: deps.clock.now(),
      user: session.subject.user,
      session: session.id,
      ...what,
    }),
  );
