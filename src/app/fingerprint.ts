import { statSync } from 'node:fs';

/**
 * What lies at some paths, as a text that changes when a file is written, replaced, or a symlink on the way to it is turned
 * elsewhere. Paths that are missing count as such. Never throws.
 */
export const fingerprint = (paths: readonly string[]): string => paths.map(stateOf).join('|');

function stateOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    // missing, or a directory on the way is: both are states of their own that end when the file is there
    return 'missing';
  }
}
