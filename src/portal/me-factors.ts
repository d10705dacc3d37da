import { assertNever } from '../core/assert-never.ts';
import type { AuditEvent } from '../core/event.ts';
import type { Answer, Handler } from '../core/handler.ts';
import type { BeforeChange, EnrolOutcome, NotAllowed } from '../identity/factors/changing.ts';
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
    case 'backup_codes':
      return recorded(deps, own, { action: 'factor_add', factors: 'backup_code' }, async (before) => {
        const made = await deps.factors.makeBackupCodes(user, session.id, before);
        if (made.ok) return [made, renderBackupCodes(languageOf(request.facts), made.codes)];
        return [made, made.reason === 'no_factor' ? seeOther(ME_PATH) : await notAllowed(deps, own, made.reason)];
      });
    case 'remove':
      return recorded(deps, own, { action: 'factor_remove' }, async (before) => {
        const removed = await deps.factors.remove(user, session.id, (fields.get('id') ?? '') as FactorId, before);
        if (removed.ok) return [removed, seeOther(ME_PATH)];
        const { reason } = removed;
        return [
          removed,
          reason === 'unknown_factor' ? refuse(request, 'no_route') : await notAllowed(deps, own, reason),
        ];
      });
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

function confirm(
  deps: PortalDeps,
  own: Own,
  given: { readonly ticket: string; readonly code: string },
): Promise<Answer> {
  const { user } = own.session.subject;
  return recorded(deps, own, { action: 'factor_add', factors: 'totp' }, async (before) => {
    const confirmed = await deps.factors.confirmTotp(user, own.session.id, given, before);
    return [confirmed, confirmed.ok ? seeOther(ME_PATH) : await notConfirmed(deps, own, given, confirmed.reason)];
  });
}

async function notConfirmed(
  deps: PortalDeps,
  own: Own,
  { ticket }: { readonly ticket: string },
  reason: Extract<EnrolOutcome, { ok: false }>['reason'],
): Promise<Answer> {
  const { id, subject } = own.session;
  switch (reason) {
    case 'wrong_code': {
      // shown again to the form that began it alone: whoever shares the session must not learn it by sending a wrong code
      const secret = await deps.factors.pendingTotp(subject.user, id, ticket);
      return secret === undefined ? seeOther(ME_PATH) : enrolPage(deps, own, { secret, ticket }, true);
    }
    case 'too_many':
      return mePage(deps, own, 'too_many');
    case 'not_begun':
      return seeOther(ME_PATH);
    default:
      return notAllowed(deps, own, reason);
  }
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

type Outcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };
/** Recorded although nothing was about to be changed. */
const TRIED: ReadonlySet<string> = new Set(['wrong_code', 'too_many', 'not_begun']);

/**
 * Makes a change that gives or takes rights: `allow` is on disk right before it, so without a record it does not happen.
 * `success` follows when it took effect, and does not wait for the disk, since nothing may be lost to the person then;
 * `failure` when it did not. An `allow` alone: the process or the store failed in between.
 */
async function recorded(
  deps: PortalDeps,
  { request, session }: Own,
  what: Pick<AuditEvent, 'action' | 'factors'>,
  change: (before: BeforeChange) => Promise<readonly [Outcome, Answer]>,
): Promise<Answer> {
  let factor: FactorId | undefined;
  const event = (more: Pick<AuditEvent, 'result'> & Partial<Pick<AuditEvent, 'reason' | 'status'>>): AuditEvent =>
    authenticationEvent(request.facts, {
      ...{ time: deps.clock.now(), user: session.subject.user, session: session.id },
      ...(factor !== undefined && { detail: factor }),
      ...what,
      ...more,
    });
  const [outcome, answer] = await change(async (id) => {
    if (factor !== undefined) return;
    factor = id;
    await deps.recorder.recordDurably(event({ result: 'allow' }));
  });
  const { status } = answer;
  if (outcome.ok) deps.recorder.record(event({ result: 'success', status }));
  else if (factor !== undefined || TRIED.has(outcome.reason))
    await deps.recorder.recordDurably(event({ result: 'failure', reason: outcome.reason, status }));
  return answer;
}
