import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openLineWriter } from '../../src/audit/line.ts';
import type { AuditEvent } from '../../src/core/event.ts';

const full: AuditEvent = {
  time: 1_700_000_000_123,
  type: 'decision',
  action: 'request',
  result: 'deny',
  reason: 'policy_denied',
  id: 'abcdefghijklmnopqrstuvwxyz',
  user: 'staff:ann',
  session: 'ses_abc',
  address: '192.0.2.1',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
  method: 'GET',
  host: 'wiki.example.com',
  path: '/a b',
  route: 'wiki',
  rule: 'baseline/no-visitors',
  status: 403,
  factors: 'password+totp',
  durationMs: 1.25,
  by: 'cli:root',
  detail: 'x',
};

/** The same, as every machine-readable output of the product spells names. */
const { userAgent, durationMs, ...rest } = full;
const written = { ...rest, user_agent: userAgent, duration_ms: durationMs };

describe('a line of the audit file', () => {
  test('holds the event, every key of it, in snake_case, and ends', () => {
    const line = openLineWriter()(full, 0);
    expect(JSON.parse(line)).toEqual(written);
    for (const key of Object.keys(JSON.parse(line))) expect(key).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(line.endsWith('}\n')).toBe(true);
    expect(Object.keys(JSON.parse(line))[0]).toBe('time');
  });
  test('leaves out what is not known, and keys that are not of an event', () => {
    const event = { time: 1, type: 'system', action: 'start', result: 'success', cookie: 'x' } as unknown as AuditEvent;
    expect(JSON.parse(openLineWriter()(event, 0))).toEqual({
      time: 1,
      type: 'system',
      action: 'start',
      result: 'success',
    });
  });
  test('a time or a duration that is no number does not break it', () => {
    const parsed = JSON.parse(openLineWriter()({ ...full, time: Number.NaN, durationMs: Number.NaN }, 7));
    expect(parsed.time).toBe(7);
    expect(parsed).not.toHaveProperty('duration_ms');
    expect(JSON.parse(openLineWriter()({ ...full, time: 0 }, 7)).time).toBe(7);
  });
  test('durations are told to the microsecond', () => {
    expect(openLineWriter()({ ...full, durationMs: 20.316929000000073 }, 0)).toContain('"duration_ms":20.317,');
  });
  test('secrets do not come through, remembered or not', () => {
    const secret = 'A'.repeat(43);
    const toLine = openLineWriter();
    for (let i = 0; i < 2; i++) {
      const line = toLine(
        { ...full, detail: `01.${secret}`, path: `/x/spt_${secret}`, id: `eyJhbGciOiJIUzI1NiJ9.${secret}` },
        0,
      );
      expect(line).not.toContain(secret);
    }
  });
  test('any text in any field gives one line of bounded JSON', () => {
    const toLine = openLineWriter();
    const text = fc.string({ unit: 'binary', maxLength: 4000 });
    fc.assert(
      fc.property(text, text, text, (path, userAgent, id) => {
        const line = toLine({ ...full, path, userAgent, id }, 0);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(JSON.parse(line).path.length).toBeLessThanOrEqual(2048);
      }),
    );
  });
  test('more values than are remembered change nothing', () => {
    const toLine = openLineWriter();
    for (let i = 0; i < 10_000; i++) {
      const parsed = JSON.parse(toLine({ ...full, path: `/p/${i}` }, 0));
      if (parsed.path !== `/p/${i}`) expect(parsed.path).toBe(`/p/${i}`);
    }
    expect(JSON.parse(toLine(full, 0))).toEqual(written);
  });
});
