import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Deadlines, openDeadlines, type Waiting } from '../../src/proxy/deadlines.ts';

let now = 0;
let deadlines: Deadlines;

beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
  deadlines = openDeadlines(() => now);
});
afterEach(() => {
  deadlines.close();
  vi.useRealTimers();
});

class Some implements Waiting {
  place = -1;
  dueAt: number;
  expired = 0;
  readonly onExpire: () => void;
  constructor(dueAt: number, onExpire = () => {}) {
    this.dueAt = dueAt;
    this.onExpire = onExpire;
  }
  expire(): void {
    this.expired += 1;
    this.onExpire();
  }
}

function pass(ms: number): void {
  now += ms;
  vi.advanceTimersByTime(ms);
}

it('tells whoever is late, once, and nobody who was put off or taken away', () => {
  const [late, putOff, away] = [new Some(1000), new Some(1000), new Some(1000)];
  for (const each of [late, putOff, away, late]) deadlines.add(each);
  pass(750);
  putOff.dueAt = Number.POSITIVE_INFINITY;
  deadlines.remove(away);
  deadlines.remove(away);
  pass(5000);
  expect([late.expired, putOff.expired, away.expired]).toEqual([1, 0, 0]);
  putOff.dueAt = now;
  pass(250);
  expect(putOff.expired).toBe(1);
});

it('whoever expires may take others away, and add new ones', () => {
  const other = new Some(500);
  const next = new Some(900);
  const first = new Some(500, () => {
    deadlines.remove(other);
    deadlines.add(next);
  });
  deadlines.add(other);
  deadlines.add(first);
  pass(500);
  expect([first.expired, other.expired, next.expired]).toEqual([1, 0, 0]);
  pass(500);
  expect([first.expired, other.expired, next.expired]).toEqual([1, 0, 1]);
});

it('after any adding and removing exactly those who are watched and late are told', () => {
  const step = fc.record({ who: fc.nat(9), what: fc.constantFrom('add', 'remove', 'pass'), dueIn: fc.nat(2000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const all = Array.from({ length: 10 }, () => new Some(Number.POSITIVE_INFINITY));
      const watched = new Map<Some, number>();
      const told = new Map(all.map((each) => [each, 0]));
      for (const { who, what, dueIn } of steps) {
        const one = all[who] as Some;
        if (what === 'remove') {
          deadlines.remove(one);
          watched.delete(one);
        } else if (what === 'add') {
          one.dueAt = now + dueIn;
          deadlines.add(one);
          watched.set(one, one.dueAt);
        } else {
          pass(250);
          for (const [each, dueAt] of watched) {
            if (now < dueAt) continue;
            watched.delete(each);
            told.set(each, (told.get(each) ?? 0) + 1);
          }
        }
        expect(all.map(({ expired }) => expired)).toEqual(all.map((each) => told.get(each)));
      }
      for (const one of all) deadlines.remove(one);
    }),
  );
});
