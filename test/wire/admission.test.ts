import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrSet, subscriberOf } from '../../src/core/address.ts';
import { Admission, type AdmissionLimits } from '../../src/wire/admission.ts';

const limits = (more: Partial<AdmissionLimits> = {}): AdmissionLimits => ({
  connections: 5,
  perAddress: 2,
  isExempt: cidrSet(['127.0.0.0/8', '::1']),
  ...more,
});
const enter = (admission: Admission, address: string) => admission.enter(admission.clientOf(address));

describe('who counts as one client', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1', '::ffff:192.0.2.1', true],
    ['::ffff:192.0.2.1', '::ffff:c000:201', true],
    ['2001:db8:0:1::1', '2001:0db8:0:1:ffff::', true],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['::1', '::2', true],
    ['fe80::1%eth0', 'fe80::2', true],
    ['nonsense', '', true],
  ])('%s and %s: %s', (one, other, same) => {
    expect(subscriberOf(one) === subscriberOf(other)).toBe(same);
  });
});

describe('connections are counted', () => {
  it('by client, and one that ended makes room', () => {
    const admission = new Admission(limits());
    expect(enter(admission, '192.0.2.1')).toBeUndefined();
    expect(enter(admission, '192.0.2.1')).toBeUndefined();
    expect(enter(admission, '192.0.2.1')).toBe('too_many_connections');
    expect(enter(admission, '192.0.2.2')).toBeUndefined();
    admission.leave('192.0.2.1');
    expect(enter(admission, '::ffff:192.0.2.1')).toBeUndefined();
    expect(enter(admission, '192.0.2.1')).toBe('too_many_connections');
  });

  it.each(['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '::1'])('in all only, from %s', (address) => {
    const admission = new Admission(limits());
    for (let i = 0; i < 5; i++) expect(enter(admission, address)).toBeUndefined();
    expect(enter(admission, address)).toBe('overloaded');
    expect(admission.open).toBe(5);
  });

  it('an exemption that comes or goes leaves the count of who is in right', () => {
    const admission = new Admission(limits());
    const client = admission.clientOf('192.0.2.1');
    expect(admission.enter(client)).toBeUndefined();
    admission.configure(limits({ isExempt: () => true }));
    expect(enter(admission, '192.0.2.1')).toBeUndefined();
    admission.leave(client);
    admission.leave(undefined);
    admission.configure(limits());
    expect(admission.open).toBe(0);
    for (const refusal of [undefined, undefined, 'too_many_connections'])
      expect(enter(admission, '192.0.2.1')).toBe(refusal);
  });

  it('whatever comes and goes, neither limit is exceeded, nobody is refused without need, and nothing is left over', () => {
    const addresses = ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', '127.0.0.1'];
    const step = fc.record({ address: fc.constantFrom(...addresses), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const admission = new Admission(limits());
        const inside: (string | undefined)[] = [];
        for (const { address, leaves } of steps) {
          const client = admission.clientOf(address);
          if (leaves) {
            const at = inside.indexOf(client);
            if (at < 0) continue;
            inside.splice(at, 1);
            admission.leave(client);
            continue;
          }
          const own = client === undefined ? 0 : inside.filter((each) => each === client).length;
          const expected = inside.length >= 5 ? 'overloaded' : own >= 2 ? 'too_many_connections' : undefined;
          expect(admission.enter(client)).toBe(expected);
          if (expected === undefined) inside.push(client);
          expect(admission.open).toBe(inside.length);
        }
        for (const client of inside) admission.leave(client);
        expect(admission.open).toBe(0);
        expect(enter(admission, '192.0.2.1')).toBeUndefined();
      }),
    );
  });
});
