import type { AuditEvent } from '../core/event.ts';
import type { Answer, Handler } from '../core/handler.ts';
import type { FactorId } from '../identity/factors/store.ts';
import { totpSecretText, totpUri } from '../identity/factors/totp.ts';
import { renderBackupCodes, renderEnrolTotp } from '../pages/enrol-page.ts';
import { languageOf } from '../pages/negotiate.ts';
import { ME_PATH, stepUpUrl } from '../pages/paths.ts';
import { refuse, seeOther } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { authenticationEvent } from './events.ts';
import { MANAGE_NEED, mayManage } from './managing.ts';
import { asOwner, isFields, iso, json, mePage, meToken, type Own, readMeForm } from './me.ts';

/**
 * The person's own factors: GET lists them as JSON; POST begins (`action=enrol_totp`) and confirms (`confirm_totp` with `code`)
 * an authenticator, makes backup codes (`backup_codes`) or removes a factor (`remove` with `id`). What may be changed when is
 * in managing.ts; who may not is sent to step up, or told to sign in again with 403.
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
  const may = mayManage(session, await deps.factors.list(user), deps.clock.now());
  if (may === 'sign_in_again') return mePage(deps, own, 'too_late');
  if (may === 'step_up') return seeOther(stepUpUrl(ME_PATH, MANAGE_NEED));
  switch (fields.get('action')) {
    case 'enrol_totp':
      return enrolPage(deps, own, await deps.factors.beginTotp(user, session.id));
    case 'confirm_totp':
      return confirm(deps, own, fields.get('code') ?? '');
    case 'backup_codes': {
      const codes = await deps.factors.makeBackupCodes(user, session.id);
      if (codes === undefined) return seeOther(ME_PATH);
      await record(deps, own, { action: 'factor_add', result: 'success', status: 200, factors: 'backup_code' });
      return renderBackupCodes(languageOf(request.facts), codes);
    }
    case 'remove': {
      const id = (fields.get('id') ?? '') as FactorId;
      if (!(await deps.factors.remove(user, session.id, id))) return refuse(request, 'no_route');
      await record(deps, own, { action: 'factor_remove', result: 'success', status: 303, detail: id });
      return seeOther(ME_PATH);
    }
    default:
      return refuse(request, 'ambiguous_request');
  }
}

async function confirm(deps: PortalDeps, own: Own, code: string): Promise<Answer> {
  const { session } = own;
  const { user } = session.subject;
  const confirmed = await deps.factors.confirmTotp(user, session.id, code);
  const event = { action: 'factor_add', factors: 'totp' } as const;
  if (confirmed.ok) {
    await record(deps, own, { ...event, result: 'success', status: 303, detail: confirmed.factor });
    return seeOther(ME_PATH);
  }
  const secret = confirmed.reason === 'wrong_code' ? await deps.factors.pendingTotp(user, session.id) : undefined;
  const status = { wrong_code: 401, too_many: 403, not_begun: 303 }[confirmed.reason];
  await record(deps, own, { ...event, result: 'failure', reason: confirmed.reason, status });
  if (secret !== undefined) return enrolPage(deps, own, secret, true);
  return confirmed.reason === 'too_many' ? mePage(deps, own, 'too_many') : seeOther(ME_PATH);
}

function enrolPage(deps: PortalDeps, { request, session }: Own, secret: Uint8Array, failed = false): Answer {
  const { facts } = request;
  return renderEnrolTotp({
    language: languageOf(facts),
    csrf: meToken(deps, session),
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
