import { Buffer, isUtf8 } from 'node:buffer';

/**
 * The text that percent-encoded form data stands for: `+` is a space, `%XX` an octet, everything else itself; the octets are
 * UTF-8. Undefined when an escape is bad or the octets are not UTF-8 (overlong forms and surrogates included): then two
 * readers would see two texts. Input is one character per octet (latin1). Never throws: a throw per parameter would make
 * a bad query a thousand times dearer than a good one.
 *
 * Source: WHATWG URL, application/x-www-form-urlencoded parsing; stricter, since a bad escape is not taken literally.
 */
export function decodeForm(text: string): string | undefined {
  if (!ENCODED.test(text)) return text;
  const octets = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let octet = text.charCodeAt(i);
    if (octet === PERCENT) {
      const high = hexDigit(text.charCodeAt(i + 1));
      const low = hexDigit(text.charCodeAt(i + 2));
      if (high < 0 || low < 0) return undefined;
      octet = high * 16 + low;
      i += 2;
    } else if (octet === PLUS) {
      octet = SPACE;
    } else if (octet > 0xff) {
      return undefined;
    }
    octets[length++] = octet;
  }
  const used = octets.subarray(0, length);
  return isUtf8(used) ? used.toString('utf8') : undefined;
}

/**
 * The text of a header's value. RFC 9110 §5.5 leaves octets above 127 opaque: they are read as UTF-8, and what is not UTF-8
 * has no agreed reading at all (undefined).
 */
export function decodeFieldValue(latin1: string): string | undefined {
  if (!ABOVE_ASCII.test(latin1)) return latin1;
  const octets = Buffer.from(latin1, 'latin1');
  return isUtf8(octets) ? octets.toString('utf8') : undefined;
}

const ENCODED = /[%+\u0080-\uffff]/;
const ABOVE_ASCII = /[\u0080-\uffff]/;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;

/** −1 for what is no hex digit, NaN (past the end of the text) included. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
