import type { Subject } from '../core/subject.ts';

export type IdentityHeader = readonly [name: string, value: string];

/**
 * The identity headers of a request to an application, in a fixed order; for nobody, and for what is not known, empty ones:
 * an application must never see a client's own (security rule 8). Values are bytes of UTF-8, one character per byte, which
 * is how HTTP writers send them.
 *
 * A single value that HTTP could alter or that does not fit on its line (controls, surrounding space, broken Unicode) is
 * left out rather than escaped: two people must never share a spelling. The assertion is authoritative.
 *
 * @param userPrefix X-Forwarded-User is `provider:sub`, for where several providers could have a person of one name
 */
export function identityHeaders(subject: Subject | undefined, userPrefix = false): readonly IdentityHeader[] {
  if (subject === undefined) return NOBODY;
  const email = subject.emailVerified === false ? undefined : subject.email;
  return [
    ['X-Forwarded-User', single(userPrefix ? subject.user : subject.sub)],
    ['X-Forwarded-Email', single(email)],
    [
      'X-Forwarded-Groups',
      subject.groups
        .filter((group) => group !== '')
        .map(listMember)
        .join(','),
    ],
    ['X-Forwarded-Preferred-Username', single(preferredUsername(subject))],
  ];
}

/** A member of a comma-separated header: comma, `%`, controls and surrounding space percent-encoded, the rest UTF-8. */
export function listMember(text: string): string {
  return utf8(text.toWellFormed().replace(LIST_ESCAPED, percent));
}

const NOBODY: readonly IdentityHeader[] = [
  ['X-Forwarded-User', ''],
  ['X-Forwarded-Email', ''],
  ['X-Forwarded-Groups', ''],
  ['X-Forwarded-Preferred-Username', ''],
];

function preferredUsername(subject: Subject): string | undefined {
  const claim = subject.claims.get('preferred_username');
  return typeof claim === 'string' ? claim : subject.name;
}

function single(text: string | undefined): string {
  if (text === undefined || !text.isWellFormed() || UNFIT.test(text)) return '';
  return utf8(text);
}

// C0, DEL and C1: none of them may reach a header, and some readers take U+0085 or U+2028 for an end of line
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is being looked for
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|^\s|\s$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is being replaced
const LIST_ESCAPED = /[,%\u0000-\u001f\u007f-\u009f\u2028\u2029]|^\s|\s$/g;

const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const percent = (char: string): string =>
  Array.from(Buffer.from(char, 'utf8'), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
