import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Reading, unknown } from '../../src/core/signal.ts';
import { calendarOf } from '../../src/signals/calendar.ts';
import { NOON, nobody, read } from './context.ts';

const readTime = (at: number, timeZone: string): Reading[] =>
  ['hour', 'weekday', 'date', 'now'].map((name) => read(`time.${name}`, nobody({ at }), timeZone));

describe('time, in the zone of the policy’s file', () => {
  it.each<[string, string, number, string, string]>([
    ['2026-03-29T12:00:00Z', 'UTC', 12, 'sun', '2026-03-29'],
    ['1970-01-01T00:00:00Z', 'UTC', 0, 'thu', '1970-01-01'],
    // daylight saving begins in Berlin: 02:00 is skipped
    ['2026-03-29T00:59:59.999Z', 'Europe/Berlin', 1, 'sun', '2026-03-29'],
    ['2026-03-29T01:00:00Z', 'Europe/Berlin', 3, 'sun', '2026-03-29'],
    // and ends: 02:00 comes twice
    ['2026-10-25T00:30:00Z', 'Europe/Berlin', 2, 'sun', '2026-10-25'],
    ['2026-10-25T01:30:00Z', 'Europe/Berlin', 2, 'sun', '2026-10-25'],
    // midnight is 0 and not 24, and another day
    ['2026-03-29T21:59:59.999Z', 'Europe/Berlin', 23, 'sun', '2026-03-29'],
    ['2026-03-29T22:00:00Z', 'Europe/Berlin', 0, 'mon', '2026-03-30'],
    // half and quarter hours
    ['2026-01-01T18:29:59Z', 'Asia/Kolkata', 23, 'thu', '2026-01-01'],
    ['2026-01-01T18:30:00Z', 'Asia/Kolkata', 0, 'fri', '2026-01-02'],
    ['2026-01-01T18:14:59Z', 'Asia/Kathmandu', 23, 'thu', '2026-01-01'],
    ['2026-01-01T18:15:00Z', 'Asia/Kathmandu', 0, 'fri', '2026-01-02'],
    // the ends of the map
    ['2026-01-01T10:00:00Z', 'Pacific/Kiritimati', 0, 'fri', '2026-01-02'],
    ['2026-01-01T10:59:00Z', 'Pacific/Pago_Pago', 23, 'wed', '2025-12-31'],
  ])('%s in %s', (instant, zone, hour, weekday, date) => {
    const at = Date.parse(instant);
    expect(readTime(at, zone)).toEqual([hour, weekday, date, at]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%s is no time', (at) => {
    expect(readTime(at, 'UTC')).toEqual([unknown, unknown, unknown, unknown]);
  });

  it('before 1970 and after 9999 the calendar is unknown', () => {
    for (const at of [-1, 8.64e15]) expect(readTime(at, 'UTC')).toEqual([unknown, unknown, unknown, at]);
  });

  it('a zone that does not exist has no calendar', () => {
    expect(readTime(NOON, 'Nowhere/Land')).toEqual([unknown, unknown, unknown, NOON]);
  });

  it('remembering the last quarter of an hour never shows, in any zone', () => {
    const zones = Intl.supportedValuesOf('timeZone');
    const instant = fc.integer({ min: Date.UTC(1973, 0, 1), max: Date.UTC(2040, 0, 1) });
    const near = fc.integer({ min: -2_000_000, max: 2_000_000 });
    fc.assert(
      fc.property(fc.constantFrom(...zones), instant, fc.array(near, { maxLength: 6 }), (zone, start, steps) => {
        const plain = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
        for (const step of [0, ...steps]) {
          const slot = calendarOf(zone)?.(start + step);
          expect(`${slot?.date} ${String(slot?.hour).padStart(2, '0')}`).toBe(plain.format(start + step).slice(0, 13));
        }
      }),
    );
  });
});
