import { headerValues, type RequestFacts } from '../core/facts.ts';
import { type HandlerRequest, PayloadTooLarge } from '../core/handler.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { mac, verifyMac } from '../keys/mac.ts';
import { ownOrigin } from './transport.ts';
import { parseUrlencoded } from './urlencoded.ts';

/** Largest body of a form of ours, bytes. */
export const MAX_FORM_BYTES = 16_384;

export type FormReading =
  | { readonly ok: true; readonly fields: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly reason: ReasonCode };

/**
 * Reads a form that a page of ours posted: Origin present once and exactly ours, Sec-Fetch-Site same-origin where it is
 * sent, urlencoded, within the bound, no field twice (security rule 22). The token is the caller's to check with
 * `verifyFormToken`, because only the caller knows what it is bound to. Nothing is read from a request of another origin.
 */
export async function readForm(request: HandlerRequest): Promise<FormReading> {
  const { facts } = request;
  if (!fromOwnPage(facts) || !isUrlencoded(facts)) return { ok: false, reason: 'csrf_failed' };
  let body: Uint8Array;
  try {
    body = await request.readBody(MAX_FORM_BYTES);
  } catch (error) {
    if (error instanceof PayloadTooLarge) return { ok: false, reason: 'payload_too_large' };
    throw error;
  }
  const fields = parseBody(body);
  return fields === undefined ? { ok: false, reason: 'ambiguous_request' } : { ok: true, fields };
}

function parseBody(body: Uint8Array): ReadonlyMap<string, string> | undefined {
  try {
    return parseUrlencoded(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return undefined;
  }
}

function fromOwnPage(facts: RequestFacts): boolean {
  const origins = headerValues(facts, 'origin');
  const sites = headerValues(facts, 'sec-fetch-site');
  return origins.length === 1 && origins[0] === ownOrigin(facts) && sites.every((site) => site === 'same-origin');
}

function isUrlencoded(facts: RequestFacts): boolean {
  const types = headerValues(facts, 'content-type');
  return types.length === 1 && URLENCODED.test(types[0] as string);
}
const URLENCODED = /^application\/x-www-form-urlencoded\s*(?:;\s*charset="?utf-8"?\s*)?$/i;

/**
 * A token for one form: when it was made and an HMAC-SHA-256 of purpose, time and what it is bound to (the login cookie's
 * nonce, a session's id). Needs no memory here; useless in another browser, for another form and after its life.
 */
export function formToken(key: Uint8Array, purpose: string, binding: string, nowMs: number): string {
  const time = nowMs.toString(36);
  return `${time}.${mac(key, purpose, [binding, time])}`;
}

/** Whether `token` was made by `formToken` with one of the keys for this purpose and binding, at most `lifeMs` ago. */
export function verifyFormToken(
  keys: readonly Uint8Array[],
  purpose: string,
  binding: string,
  token: string | undefined,
  nowMs: number,
  lifeMs: number,
): boolean {
  const match = TOKEN.exec(token ?? '');
  if (match === null) return false;
  const [, time, code] = match as unknown as readonly [string, string, string];
  const age = nowMs - Number.parseInt(time, 36);
  // another process's clock may be a little ahead; NaN fails both comparisons
  return age >= -SKEW_MS && age <= lifeMs && verifyMac(code, keys, purpose, [binding, time]);
}

const TOKEN = /^([0-9a-z]{1,10})\.([A-Za-z0-9_-]{43})$/;
const SKEW_MS = 2000;
