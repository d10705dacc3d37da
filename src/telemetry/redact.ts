/**
 * What may stand in a log or audit line (security rule 28): secrets taken out by key and by shape, values bounded,
 * control characters visible instead of acting. Shared by every writer of lines, so that they cannot differ.
 */

/** Longest value that is written, in UTF-16 units; what is cut off is said by an ellipsis. */
export const MAX_VALUE_LENGTH = 2048;

export const REDACTED = '[redacted]';

// The last word of a key decides: `new_password` and `clientSecret` hold one, `token_count` and `cookie_name` do not.
const SECRET_WORDS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'credential',
  'credentials',
  'csrf',
  'otp',
  'passphrase',
  'password',
  'passwd',
  'pin',
  'secret',
  'token',
]);
// `status_code`, `reason_code` and their like are no secrets, so words ending in `code` are listed whole.
const SECRET_KEYS: ReadonlySet<string> = new Set([
  'apikey',
  'authcode',
  'authorizationcode',
  'backupcode',
  'code',
  'codeverifier',
  'loginnonce',
  'otpcode',
  'privatekey',
  'recoverycode',
  'totpcode',
  'usercode',
]);

/** Whether the value under this key is withheld whatever it looks like. Case, `_`, `-`, `.` and camelCase do not matter. */
export function isSecretKey(key: string): boolean {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  // the last two words as well: `x-api-key`
  return (
    SECRET_WORDS.has(words.at(-1) ?? '') || SECRET_KEYS.has(words.join('')) || SECRET_KEYS.has(words.slice(-2).join(''))
  );
}

/**
 * Shapes of secrets, ours and common ones. All of them are linear: no nested repetition, and the text is bounded first.
 * Each matches a cut-off secret too, so that the bound cannot uncover the first half of one.
 */
const SHAPES: readonly (readonly [shape: RegExp, by: string])[] = [
  // JWS and JWE in compact form: the header is a JSON object, so its base64url starts with eyJ
  [/eyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g, REDACTED],
  // tokens of ours; public ids (`ses_`, `dev_`, `fac_`) are meant to be read
  [/\bsp[trs]_[\w-]{8,}/g, REDACTED],
  // the session secret: partition, dot, 256 bits in base64url
  [/\b[\w-]{1,32}\.[\w-]{43}(?![\w-])/g, REDACTED],
  [/\b(bearer|basic|digest|negotiate)(\s+)[\w.~+/=-]{4,}/gi, `$1$2${REDACTED}`],
  // a cookie or a parameter that somebody put into a text
  [
    /\b((?:__Host-)?sallyport(?:-login|-device)?|code|csrf|password|secret|client_secret|(?:access_|refresh_|id_)?token|api_?key|assertion)=[^&;\s"']+/gi,
    `$1=${REDACTED}`,
  ],
  // the user part of an address (`redis://:password@host`)
  [/\b([a-z][a-z0-9+.-]{1,15}:\/\/)[^/@\s"']{1,256}@/gi, `$1${REDACTED}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?/g, REDACTED],
];

// Text of this kind cannot hold any of the shapes, whose every form needs one of the characters left out or is longer.
const HARMLESS = /^[A-Za-z0-9 _:,;()/-]{0,42}$/;
const KEYED = /eyJ|sp[trs]_|bearer|basic|digest|negotiate|begin/i;
// C0, DEL, C1, line separators and the marks that reorder text on a terminal (Trojan Source, CVE-2021-42574)
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * A text as it may be written: redacted by shape, at most {@link MAX_VALUE_LENGTH} units, controls as `\u001b` in letters,
 * lone surrogates replaced. Never throws.
 */
export function safeText(text: string): string {
  if (HARMLESS.test(text) && !KEYED.test(text)) return text;
  // some room beyond the bound, so that a secret that straddles it still has its shape
  let safe = text.length > 2 * MAX_VALUE_LENGTH ? text.slice(0, 2 * MAX_VALUE_LENGTH) : text;
  for (const [shape, by] of SHAPES) safe = safe.replace(shape, by);
  safe = safe.replace(CONTROLS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (safe.length > MAX_VALUE_LENGTH || text.length > 2 * MAX_VALUE_LENGTH) {
    safe = `${safe.slice(0, MAX_VALUE_LENGTH - 1)}…`;
  }
  return safe.toWellFormed();
}

/** A field as it may be written; numbers that JSON cannot hold become text. */
export function safeField(key: string, value: string | number | boolean): string | number | boolean {
  if (isSecretKey(key)) return REDACTED;
  if (typeof value === 'string') return safeText(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
