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
// five bits of each character; those outside the alphabet (ids of trusted proxies) give their own lowest five
const BITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const index = ALPHABET.indexOf(String.fromCharCode(code));
  return index < 0 ? code & 31 : index;
});
const QUAD = 1 << 20;

/** 128 bits of lower-case base32 as 32 hex digits: four characters are five digits. Shorter ids are padded at their end. */
function hexOf(id: string): string {
  let hex = '';
  for (let at = 0; hex.length < 32; at += 4) {
    // charCodeAt beyond the end is NaN, which reads as 0
    const quad = (bits(id, at) << 15) | (bits(id, at + 1) << 10) | (bits(id, at + 2) << 5) | bits(id, at + 3);
    hex += (QUAD + quad).toString(16).slice(1);
  }
  const trace = hex.slice(0, 32);
  // an all-zero trace or span id is invalid
  return ZERO.test(trace) ? `1${trace.slice(1)}` : trace;
}

const ZERO = /^0{16}/;
const bits = (id: string, at: number): number => BITS[id.charCodeAt(at)] ?? 0;
