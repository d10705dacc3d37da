import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Log, LogFields } from '../core/ports.ts';
import { openLineOutput } from './line-output.ts';
import { safeField, safeText } from './redact.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where lines go: a process stream, or anything that takes text. */
export interface LogDestination {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** lines for people instead of JSON; only honoured where the destination is a terminal */
  readonly pretty: boolean;
  /** default: standard output */
  readonly destination?: LogDestination;
  /** colours of the pretty form; default: unless NO_COLOR is set */
  readonly color?: boolean;
}

/** A log whose buffered lines can be forced out, for the moments before an exit. */
export interface OwnedLog extends Log {
  flush(): void;
}

// A log pipe that nobody reads must not hold requests or grow memory: beyond this many bytes lines are dropped.
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/**
 * Opens the process log: one JSON object a line with `level`, `time` (ISO 8601, UTC), the fields and `msg`, on standard
 * output unless told otherwise. Values are redacted, bounded and escaped (redact.ts), so callers may pass what a client
 * sent. Written without waiting, and dropped and counted where it cannot be written (line-output.ts): no method throws, and
 * whoever reads the log, or does not, never holds its writer. `flush` writes what is buffered at once, within a quarter of a
 * second; an exit of any ordinary kind does so by itself. Not for the request path: what happens per request goes to the recorder and to metrics.
 */
export function openLog(options: LogOptions): OwnedLog {
  const terminal = (options.destination ?? process.stdout).isTTY === true;
  const buffered =
    options.destination === undefined
      ? openLineOutput(1, {
          maxBytes: MAX_BUFFERED_BYTES,
          onRecovered: (lines) => log.warn('lines of this log were lost; its reader did not take them', { lines }),
        })
      : undefined;
  const raw: LogDestination = buffered ?? (options.destination as LogDestination);
  const color = options.color ?? (process.env.NO_COLOR === undefined || process.env.NO_COLOR === '');
  const out = options.pretty && terminal ? prettyLines(raw, color) : raw;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => void out.write(line) },
  );
  const at = (level: Exclude<LogLevel, 'silent'>) => (message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return;
    logger[level](fields === undefined ? {} : safeFields(fields), safeText(message));
  };
  const log: OwnedLog = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: () => buffered?.flush(),
  };
  return log;
}

// Names that the line itself uses get a suffix, so that a field can never pose as the line's own level, time or message.
const OWN_NAMES: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

function safeFields(fields: LogFields): Record<string, unknown> {
  const safe: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    // objects are against the type, but an Error that slips through must not be serialised with all it carries
    const flat = typeof value === 'object' ? String(value) : value;
    safe[OWN_NAMES.has(key) ? `${key}_` : safeText(key)] = safeField(key, flat);
  }
  return safe;
}

function prettyLines(out: LogDestination, colorize: boolean): LogDestination {
  // a function and not pino-pretty's stream: a stream finishes its work later, and an exit in between loses lines
  const format = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss', singleLine: true });
  return { write: (line) => out.write(format(line)) };
}
