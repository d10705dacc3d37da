import type { Finding } from '../core/finding.ts';
import { errorAt, lineIndex } from './document.ts';
import { MAX_FILE_BYTES } from './scan.ts';

/**
 * Text of a file's bytes. UTF-8 only: anything else would be read differently by an editor and by us. The finding is
 * undefined when all is well.
 */
export function decodeUtf8(
  file: string,
  bytes: Uint8Array,
): { readonly text: string; readonly finding: Finding | undefined } {
  const bad = (line: number, column: number, message: string, suggestion: string) => ({
    text: '',
    finding: errorAt(file, { line, column }, 'file-encoding', message, suggestion),
  });
  if (bytes.length > MAX_FILE_BYTES) {
    const message = `The file is larger than ${MAX_FILE_BYTES} bytes.`;
    return { text: '', finding: errorAt(file, { line: 1, column: 1 }, 'file-too-large', message) };
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return bad(1, 1, 'The file is UTF-16.', 'Save it as UTF-8.');
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), finding: undefined };
  } catch {
    const at = firstInvalid(bytes);
    const before = new TextDecoder().decode(bytes.subarray(0, at), { stream: true });
    const { line, column } = lineIndex(before)(before.length);
    return bad(line, column, 'This is not valid UTF-8.', 'Save the file as UTF-8.');
  }
}

/** Offset of the first byte that is not part of a valid UTF-8 sequence, by bisection over prefixes. */
function firstInvalid(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isValidPrefix(bytes.subarray(0, middle))) low = middle;
    else high = middle - 1;
  }
  return low;
}

function isValidPrefix(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
