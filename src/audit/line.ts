import type { AuditEvent } from '../core/event.ts';
import { safeText } from '../telemetry/redact.ts';

/** How a line calls what an event holds, in the order of a line; a key of `AuditEvent` that is missing here does not compile. */
const NAMES = {
  time: 'time',
  type: 'type',
  action: 'action',
  result: 'result',
  reason: 'reason',
  id: 'id',
  user: 'user',
  session: 'session',
  address: 'address',
  userAgent: 'user_agent',
  method: 'method',
  host: 'host',
  path: 'path',
  route: 'route',
  rule: 'rule',
  status: 'status',
  factors: 'factors',
  durationMs: 'duration_ms',
  by: 'by',
  detail: 'detail',
} satisfies Record<keyof AuditEvent, string>;
const KEYS = Object.keys(NAMES) as readonly (keyof AuditEvent)[];
const PREFIXES = KEYS.map((key) => `,${JSON.stringify(NAMES[key])}:`);

// Most values come again and again (user agent, host, route, rule, user): the whole treatment is paid once for each.
const MAX_REMEMBERED = 4096;
const MAX_REMEMBERED_LENGTH = 256;

/** Turns events into lines of the audit file. */
export type LineWriter = (event: AuditEvent, now: number) => string;

/**
 * Opens a writer of audit lines: `{…}\n`, the keys of `AuditEvent` in `snake_case`, in a fixed order and no others, undefined
 * ones left out, numbers to three decimals (durations to the µs), texts redacted by shape, bounded to 2 KiB and escaped
 * (telemetry/redact.ts). `now` stands in for a time that is missing: 0 (facts could not be read) or no number.
 */
export function openLineWriter(): LineWriter {
  const remembered = new Map<string, string>();
  const quoted = (text: string): string => {
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const fresh = JSON.stringify(safeText(text));
    if (text.length <= MAX_REMEMBERED_LENGTH) {
      // emptied as a whole: cheaper than an order of use, and what is still common is back after one event
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      remembered.set(text, fresh);
    }
    return fresh;
  };
  return (event, now) => {
    let line = `{"time":${Number.isFinite(event.time) && event.time > 0 ? event.time : now}`;
    for (let i = 1; i < KEYS.length; i++) {
      const key = KEYS[i] as keyof AuditEvent;
      const value = event[key];
      if (value === undefined) continue;
      if (typeof value === 'number')
        line += Number.isFinite(value) ? `${PREFIXES[i]}${Math.round(value * 1000) / 1000}` : '';
      // ids are never seen twice: remembering them would push out what is
      else line += `${PREFIXES[i]}${key === 'id' ? JSON.stringify(safeText(value)) : quoted(String(value))}`;
    }
    return `${line}}\n`;
  };
}
