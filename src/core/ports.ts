import type { MaybePromise } from './assert-never.ts';
import type { AuditEvent } from './event.ts';

/** Time comes only from here. */
export interface Clock {
  /** wall-clock ms; never runs backwards within a process */
  now(): number;
  /** monotonic ms, for durations */
  monotonic(): number;
}

/** Randomness comes only from here; cryptographically strong. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** 128 random bits in lower-case base32 (26 characters of [a-z2-7]): request, decision and correlation id */
  id(): string;
}

/** Fields are flat; values are bounded and escaped by the writer. Never a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Where events go. `record` never waits and never throws; `recordDurably` resolves once the event is on disk. */
export interface Recorder {
  record(event: AuditEvent): void;
  recordDurably(event: AuditEvent): Promise<void>;
}

/** Something that is opened, runs and is closed. `open*` does no I/O; `start` resolves when usable; `close` is idempotent. */
export interface Service {
  start(): Promise<void>;
  close(deadlineMs: number): Promise<void>;
}
export type { MaybePromise };
