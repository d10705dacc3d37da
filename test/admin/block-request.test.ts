import { describe, expect, it } from 'vitest';
import { type BlockRequest, readBlock } from '../../src/admin/block-request.ts';
import { LATEST_INSTANT } from '../../src/limits/blocks.ts';
import { part } from '../support/issuer.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');
const SECONDS = NOW / 1000;
const HOUR = 3_600_000;
const ISSUERS = [
  { provider: 'services', issuer: 'https://issuer.test', maxAgeMs: HOUR, leewayMs: 10_000 },
  { provider: 'others', issuer: 'https://others.test', maxAgeMs: 24 * HOUR, leewayMs: 0 },
];
const read = (request: Omit<BlockRequest, 'kind'>) => readBlock({ kind: 'token', ...request }, ISSUERS, NOW);
/** Nobody has signed it. */
const token = (claims: object = {}, header: object = {}): string =>
  `${part({ alg: 'ES256', kid: 'k', ...header })}.${part({
    iss: 'https://issuer.test',
    aud: 'api',
    sub: 'svc',
    jti: 'j',
    iat: SECONDS - 60,
    exp: SECONDS + 600,
    ...claims,
  })}.${'A'.repeat(86)}`;
const J = { provider: 'services', jti: 'j' };

describe('which token, and until when', () => {
  it.each<[string, Omit<BlockRequest, 'kind'>, { provider: string; jti: string }, number]>([
    ['by name: as long as its provider takes any', J, J, NOW + HOUR + 10_000],
    ['until an instant', { ...J, until: '2026-01-31T12:00:01Z' }, J, NOW + 1000],
    ['until an instant elsewhere', { ...J, until: '2026-01-31T14:30:00+02:00' }, J, NOW + HOUR / 2],
    ['for a while', { ...J, for: 900_000 }, J, NOW + 900_000],
    ['for ever, as far as calendars go', { ...J, for: 1e20 }, J, LATEST_INSTANT],
    ['the token: until its exp', { token: token() }, J, NOW + 600_000],
    [
      'the token of another issuer',
      { token: token({ iss: 'https://others.test' }) },
      { provider: 'others', jti: 'j' },
      NOW + 600_000,
    ],
    ['the token, for a while', { token: token(), for: 60_000 }, J, NOW + 60_000],
    ['a token that is over by less than a leeway', { token: token({ exp: SECONDS - 1 }) }, J, NOW - 1000],
  ])('%s', (_name, request, { provider, jti }, until) => {
    expect(read(request)).toEqual({ ok: true, subject: { kind: 'token', provider, jti }, until });
  });
});

describe('what names no token', () => {
  it.each<[string, Omit<BlockRequest, 'kind'>, keyof BlockRequest, RegExp]>([
    ['nothing', {}, 'provider', /Say the provider and jti/],
    ['no jti', { provider: 'services' }, 'jti', /Say the jti/],
    ['no provider', { jti: 'j' }, 'provider', /Say the provider/],
    ['a provider that there is not', { provider: 'staff', jti: 'j' }, 'provider', /there is services, others/],
    ['a jti that no token has', { ...J, jti: 'a\nb' }, 'jti', /No token/],
    ['the token and its name', { ...J, token: token() }, 'token', /either/],
    ['two ends', { ...J, until: '2026-02-01T00:00:00Z', for: 1000 }, 'for', /either/],
    ['an end in the past', { ...J, until: '2026-01-31T11:59:59Z' }, 'until', /past/],
    ['no time at all', { ...J, for: 0 }, 'for', /past/],
    ['a day and no instant', { ...J, until: '2026-02-01' }, 'until', /no instant/],
    ['a day that there is not', { ...J, until: '2026-13-45T00:00:00Z' }, 'until', /no instant/],
    ['31 February', { ...J, until: '2027-02-31T00:00:00Z' }, 'until', /no instant/],
    ["24 o'clock", { ...J, until: '2027-02-01T24:00:00Z' }, 'until', /no instant/],
    ['words', { ...J, until: 'tomorrow' }, 'until', /no instant/],
    ['no token', { token: 'x.y.z' }, 'token', /no token that could be accepted/],
    ['a token of nobody', { token: token({ iss: 'https://evil.test' }) }, 'token', /not configured/],
    ['a token without jti', { token: token({ jti: undefined }) }, 'token', /has no jti/],
    ['a token with another kind of jti', { token: token({ jti: 7 }) }, 'token', /bad jti/],
    ['a token without exp', { token: token({ exp: undefined }) }, 'token', /bad exp/],
    ['a token with a header that nobody takes', { token: token({}, { jku: 'https://evil.test' }) }, 'token', /jku/],
    ['a token that is over', { token: token({ iat: SECONDS - 7200, exp: SECONDS - 301 }) }, 'token', /over already/],
  ])('%s', (_name, request, field, says) => {
    expect(read(request)).toEqual({ ok: false, field, detail: expect.stringMatching(says) });
  });

  it('where no provider takes tokens', () => {
    expect(readBlock({ kind: 'token', ...J }, [], NOW)).toMatchObject({
      detail: expect.stringContaining('there is none'),
    });
  });
});

describe('what else can be blocked', () => {
  const SESSION = `ses_2f${'a'.repeat(26)}`;
  const DEVICE = `dev_${'A'.repeat(22)}`;
  it.each<[string, BlockRequest, object, number | undefined]>([
    [
      'a network, without end',
      { kind: 'address', network: '203.0.113.7/24' },
      { network: '203.0.113.0/24' },
      undefined,
    ],
    ['one address', { kind: 'address', network: '2001:DB8::1', for: 1000 }, { network: '2001:db8::1/128' }, NOW + 1000],
    ['loopback, when it is meant', { kind: 'address', network: '::1', force: true }, { network: '::1/128' }, undefined],
    ['a user', { kind: 'user', user: 'staff:ann' }, { user: 'staff:ann' }, undefined],
    ['a session', { kind: 'session', session: SESSION }, { session: SESSION }, undefined],
    ['a device', { kind: 'device', device: DEVICE, until: '2026-01-31T12:00:01Z' }, { device: DEVICE }, NOW + 1000],
  ])('%s', (_name, request, subject, until) => {
    expect(readBlock(request, [], NOW)).toEqual({ ok: true, subject: { kind: request.kind, ...subject }, until });
  });

  it.each<[string, BlockRequest, keyof BlockRequest, RegExp]>([
    ['no network', { kind: 'address' }, 'network', /Say which/],
    ['every address', { kind: 'address', network: '0.0.0.0/0', force: true }, 'network', /every address/],
    ['a zone', { kind: 'address', network: 'fe80::1%eth0' }, 'network', /zone/],
    ['loopback', { kind: 'address', network: '127.0.0.0/8' }, 'force', /loopback/],
    ['a large network with loopback', { kind: 'address', network: '64.0.0.0/2' }, 'force', /loopback/],
    ['whoever asks', { kind: 'address', network: '192.0.2.0/24' }, 'force', /you yourself \(::ffff:192\.0\.2\.9\)/],
    ['no user', { kind: 'user' }, 'user', /provider:name/],
    ['a bare name', { kind: 'user', user: 'ann' }, 'user', /provider:name/],
    ['no session', { kind: 'session', session: 'ses_x' }, 'session', /ses_/],
    ['no device', { kind: 'device', device: 'dev_x' }, 'device', /dev_/],
    ['what belongs to another kind', { kind: 'user', user: 'staff:ann', jti: 'j' }, 'jti', /kind user/],
    ['force for what needs none', { kind: 'device', device: DEVICE, force: true }, 'force', /kind device/],
    ['a token with a network', { kind: 'token', ...J, network: '192.0.2.0/24' }, 'network', /kind token/],
    ['an end in the past', { kind: 'user', user: 'staff:ann', for: 0 }, 'for', /past/],
  ])('%s: is refused', (_name, request, field, says) => {
    expect(readBlock(request, ISSUERS, NOW, '::ffff:192.0.2.9')).toEqual({
      ok: false,
      field,
      detail: expect.stringMatching(says),
    });
  });
});
