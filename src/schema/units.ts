/** An address to listen on. `host` is an IP address (without brackets) or `localhost`; port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** So many within a window: 1 to 1,000,000 within 1 s to 24 h, whole seconds. */
export interface Rate {
  readonly requests: number;
  readonly windowMs: number;
}

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/**
 * THE grammar of durations, in configurations and policies alike: one number and one unit, or several from large to small
 * (`1h30m`); weeks, days, hours, minutes, seconds, milliseconds. At most nine digits each, so that sums stay finite.
 */
export const DURATION_PATTERN =
  '^(?=[0-9])([0-9]{1,9}w)?([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$';
export const BYTES_PATTERN = '^[0-9]{1,9}(B|kB|MB|GB|KiB|MiB|GiB)$';
export const LISTEN_PATTERN =
  '^(localhost|([0-9]{1,3}\\.){3}[0-9]{1,3}|\\[[0-9A-Fa-f:.]{2,45}\\]):([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$';

// seconds, minutes and hours up to a day; a unit alone is one of it
const RATE_WINDOW =
  '(?:[1-9][0-9]{0,3}|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)?s|(?:[1-9][0-9]{0,2}|1[0-3][0-9]{2}|14[0-3][0-9]|1440)?m|(?:[1-9]|1[0-9]|2[0-4])?h|1?d';
export const RATE_PATTERN = `^([1-9][0-9]{0,5}|1000000)/(${RATE_WINDOW})$`;

const DURATION = new RegExp(DURATION_PATTERN, 'u');
const BYTES_TEXT = new RegExp(BYTES_PATTERN, 'u');
const LISTEN = new RegExp(LISTEN_PATTERN, 'u');
const RATE = new RegExp(RATE_PATTERN, 'u');

export const isDuration = (text: string): boolean => DURATION.test(text);

/** Milliseconds of `30m`, `1h30m`, `500ms`. Throws RangeError on anything else. */
export function parseDuration(text: string): number {
  if (!isDuration(text)) throw new RangeError(`not a duration: ${text}`);
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/([0-9]+)(ms|[smhdw])/gu)) {
    total += Number(digits) * (MS[unit as string] as number);
  }
  return total;
}

/** The shortest text that parses to these milliseconds (a whole number ≥ 0). */
export function formatDuration(ms: number): string {
  for (const unit of ['w', 'd', 'h', 'm', 's']) {
    const size = MS[unit] as number;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** Bytes of `16KiB`, `100MB`, `512B`. Throws RangeError on anything else. */
export function parseBytes(text: string): number {
  if (!BYTES_TEXT.test(text)) throw new RangeError(`not a size: ${text}`);
  const digits = Number.parseInt(text, 10);
  return digits * (BYTES[text.slice(String(text.match(/^[0-9]+/u)?.[0]).length)] as number);
}

/** `600/1m`. Throws RangeError on anything else. */
export function parseRate(text: string): Rate {
  const [, requests, window] = RATE.exec(text) ?? [];
  if (window === undefined) throw new RangeError(`not a rate: ${text}`);
  return { requests: Number(requests), windowMs: parseDuration(/^[0-9]/.test(window) ? window : `1${window}`) };
}

/** The shortest text that parses to this rate. */
export const formatRate = ({ requests, windowMs }: Rate): string => `${requests}/${formatDuration(windowMs)}`;

/** `host:port` or `[::1]:port`. Throws RangeError on anything else. */
export function parseListenAddress(text: string): ListenAddress {
  if (!LISTEN.test(text)) throw new RangeError(`not an address to listen on: ${text}`);
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon);
  return { host: host.startsWith('[') ? host.slice(1, -1) : host, port: Number(text.slice(colon + 1)) };
}
