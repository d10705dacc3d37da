import { parseAddress } from '../core/address.ts';

/** An address as numbers: IPv4 is the first word, IPv6 all four, high to low. One for all: it holds until the next is read. */
export const words = new Int32Array(4);
const groups = new Int32Array(8);

/** Which kind of address was read into `words`; 0: it is none. IPv4-mapped IPv6 is IPv4. Allocates nothing for the one spelling. */
export function readAddress(text: string): 4 | 6 | 0 {
  const kind = readSpelled(text);
  if (kind !== 0) return kind;
  // `::ffff:192.0.2.1` and whatever else has a longer spelling
  const spelled = parseAddress(text);
  return spelled === undefined || spelled === text ? 0 : readSpelled(spelled);
}

function readSpelled(text: string): 4 | 6 | 0 {
  if (readV4(text)) return 4;
  if (!readV6(text)) return 0;
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return 6;
  words[0] = words[3] as number;
  words[2] = 0;
  words[3] = 0;
  return 4;
}

const DOT = 0x2e;
const COLON = 0x3a;

function readV4(text: string): boolean {
  if (text.length > 15) return false;
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (octet < 0) return false;
      address = (address << 8) | octet;
      octet = -1;
      dots += 1;
      continue;
    }
    // a leading zero may mean octal
    if (code < 0x30 || code > 0x39 || octet === 0) return false;
    octet = octet < 0 ? code - 0x30 : octet * 10 + code - 0x30;
    if (octet > 255) return false;
  }
  if (dots !== 3 || octet < 0) return false;
  words[0] = (address << 8) | octet;
  words[1] = 0;
  words[2] = 0;
  words[3] = 0;
  return true;
}

/** Hexadecimal groups with at most one `::` (RFC 4291 2.2, forms 1 and 2). */
function readV6(text: string): boolean {
  let count = 0;
  let gap = -1;
  let group = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code !== COLON) {
      const digit = hexDigit(code);
      if (digit < 0 || digits === 4 || count === 8) return false;
      group = group * 16 + digit;
      digits += 1;
      continue;
    }
    if (digits > 0) {
      groups[count] = group;
      count += 1;
      group = 0;
      digits = 0;
      if (text.charCodeAt(i + 1) !== COLON) {
        if (i + 1 === text.length) return false;
        continue;
      }
      i += 1;
    } else {
      // only at the very beginning: `::1`
      if (i !== 0 || text.charCodeAt(1) !== COLON) return false;
      i = 1;
    }
    if (gap >= 0 || text.charCodeAt(i + 1) === COLON) return false;
    gap = count;
  }
  if (digits > 0) {
    groups[count] = group;
    count += 1;
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  const zeros = 8 - count;
  for (let at = 0; at < 4; at++) words[at] = (groupAt(2 * at, gap, zeros) << 16) | groupAt(2 * at + 1, gap, zeros);
  return true;
}

function groupAt(at: number, gap: number, zeros: number): number {
  if (gap < 0 || at < gap) return groups[at] as number;
  return at < gap + zeros ? 0 : (groups[at - zeros] as number);
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
