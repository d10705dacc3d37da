/**
 * Fixed windows of a key: a window begins every `windowMs`, shifted by a hash of the key, so that not all keys turn at one
 * moment. Nothing is agreed on but the time: every node sees the same windows, as far as their clocks agree.
 */

/** By how much the windows of a key are shifted: 0 to `windowMs` - 1, whole ms. The same in every process (FNV-1a). */
export function shiftOf(key: string, windowMs: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % windowMs;
}

/** Number of the window in which an instant lies. @param now wall-clock ms */
export const windowAt = (now: number, shift: number, windowMs: number): number => Math.floor((now + shift) / windowMs);

/** First instant after a window, wall-clock ms. */
export const endOf = (window: number, shift: number, windowMs: number): number => (window + 1) * windowMs - shift;
