/**
 * The traceparent for the upstream (W3C Trace Context). A trusted proxy's is passed on; otherwise a new trace starts whose
 * 128-bit id is the request id itself, so that a log line and a trace find each other without a table.
 */
export function upstreamTrace(adopted: string | undefined, requestId: string): string {
  if (adopted !== undefined) return adopted;
  const hex = hexOf(requestId);
  return `00-${hex}-${hex.slice(0, 16)}-00`;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const INDEX = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) INDEX[ALPHABET.charCodeAt(i)] = i;

/** 128 bits of lower-case base32 as 32 hex digits. An id of another shape (a trusted proxy's) is padded by its characters. */
function hexOf(id: string): string {
  let hex = '';
  let bits = 0;
  let held = 0;
  for (let i = 0; i < id.length && hex.length < 32; i++) {
    const value = INDEX[id.charCodeAt(i)] ?? -1;
    bits = ((bits << 5) | (value < 0 ? id.charCodeAt(i) & 31 : value)) & 0xfff;
    held += 5;
    while (held >= 4 && hex.length < 32) {
      held -= 4;
      hex += ((bits >> held) & 15).toString(16);
    }
  }
  // all zero is invalid in the specification; the last digit makes sure
  return /^0*$/.test(hex) ? hex.padEnd(31, '0').concat('1') : hex.padEnd(32, '0');
}
