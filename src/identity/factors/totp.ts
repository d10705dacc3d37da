import { generateURI, ScureBase32Plugin, verifySync } from 'otplib';
import type { Random } from '../../core/ports.ts';

/** 160 bits, the length of the HMAC's output (RFC 4226, 4, R6). */
export const TOTP_SECRET_BYTES = 20;
/** Seconds of one step (RFC 6238, 5.2). */
export const TOTP_STEP_SECONDS = 30;

export const newTotpSecret = (random: Random): Uint8Array => random.bytes(TOTP_SECRET_BYTES);

/** The secret as people type it into an authenticator: Base32 without padding, 32 characters. */
export const totpSecretText = (secret: Uint8Array): string =>
  new ScureBase32Plugin().encode(secret, { padding: false });

/** The `otpauth:` address that authenticators read from a QR code: SHA-1, six digits, 30 s, what all of them can do. */
export const totpUri = (secret: Uint8Array, issuer: string, account: string): string =>
  generateURI({ strategy: 'totp', issuer, label: account, secret: totpSecretText(secret) });

/** What was typed, without the spaces that authenticators show; undefined when it is not six digits. */
export function totpCode(typed: string): string | undefined {
  const code = typed.length > 32 ? '' : typed.replace(/[\s-]/g, '');
  return /^[0-9]{6}$/.test(code) ? code : undefined;
}

/**
 * The time step that a code belongs to, at most `drift` steps before or after the current one (clocks of phones differ, and
 * people type slowly) and later than `lastStep`, if there is one; undefined when there is none. Remembering
 * the step that was answered is what makes a code good for once (RFC 6238, 5.2). Never throws: what cannot be checked,
 * as when the clock was set back before the last step used, is no match.
 */
export function totpStep(
  secret: Uint8Array,
  code: string,
  nowMs: number,
  { drift, lastStep }: { readonly drift: number; readonly lastStep?: number },
): number | undefined {
  const current = Math.floor(nowMs / 1000 / TOTP_STEP_SECONDS);
  if (!Number.isFinite(current) || (lastStep !== undefined && !(lastStep < current + drift))) return undefined;
  try {
    const found = verifySync({
      secret,
      token: code,
      epoch: Math.floor(nowMs / 1000),
      period: TOTP_STEP_SECONDS,
      epochTolerance: drift * TOTP_STEP_SECONDS,
      ...(lastStep === undefined ? {} : { afterTimeStep: lastStep }),
    });
    return found.valid && 'timeStep' in found ? found.timeStep : undefined;
  } catch {
    return undefined;
  }
}
