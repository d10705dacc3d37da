import { describe, expect, test } from 'vitest';
import { openHealth } from '../../src/telemetry/health.ts';

describe('readiness', () => {
  test('from start to drain', async () => {
    const health = openHealth();
    health.check('store', () => undefined);
    expect(await health.ready()).toEqual({ ready: false, reasons: ['gateway: starting'] });
    health.started();
    expect(await health.ready()).toEqual({ ready: true, reasons: [] });
    expect(health.draining).toBe(false);
    health.drain();
    expect(health.draining).toBe(true);
    expect(await health.ready()).toEqual({ ready: false, reasons: ['gateway: draining'] });
    health.started();
    expect((await health.ready()).ready).toBe(false);
  });
  test.each([
    ['a reason', () => 'does not answer', 'store: does not answer'],
    ['a later reason', async () => 'does not answer', 'store: does not answer'],
    [
      'an exception, without its text',
      () => {
        throw new Error('redis://:secret@host');
      },
      'store: check failed',
    ],
    ['a rejection, without its text', () => Promise.reject(new Error('secret')), 'store: check failed'],
    ['no answer at all', () => new Promise<undefined>(() => {}), 'store: no answer'],
  ])('a check that gives %s is named', async (_name, probe, reason) => {
    const health = openHealth();
    health.started();
    health.check('listener', () => undefined);
    health.check('store', probe);
    expect(await health.ready()).toEqual({ ready: false, reasons: [reason] });
    health.check('store', () => undefined);
    expect((await health.ready()).ready).toBe(true);
  });
});
