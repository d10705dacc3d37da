import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { issuersOf } from '../../src/app/issuers.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { directoryWith } from '../config/directory.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const publicSet = JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] });
const privateSet = JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] });

const GOOD = { id: 'services', type: 'jwt', issuer: 'https://i.test', jwks: 'https://i.test/jwks', audience: 'api' };

function load(...providers: readonly object[]) {
  const text = `version: 1\nroutes: [{ route: a, upstream: "http://a", public: true }]\nidentity:\n  providers:\n${providers
    .map((provider) => `  - ${JSON.stringify(provider)}\n`)
    .join('')}`;
  const directory = directoryWith({
    'sallyport.yaml': text,
    'good.json': publicSet,
    'private.json': privateSet,
    'broken.json': '{',
    'big.json': ' '.repeat(300_000),
  });
  const { config, findings } = loadConfiguration(join(directory, 'sallyport.yaml'), {});
  return {
    config,
    findings,
    directory,
    told: findings.map(({ line, code, severity }) => `${line} ${severity} ${code}`),
  };
}

describe('a provider of tokens', () => {
  it('has defaults for all but what only its operator knows', () => {
    const { config, told } = load({ id: 'staff', type: 'local' }, GOOD);
    expect(told).toEqual([]);
    expect(config && issuersOf(config)).toEqual([
      {
        provider: 'services',
        issuer: 'https://i.test',
        jwks: 'https://i.test/jwks',
        audience: ['api'],
        algorithms: ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'],
        maxAgeMs: 86_400_000,
        leewayMs: 10_000,
        groupsClaim: 'groups',
        rolesClaim: undefined,
        acrLevels: {},
      },
    ]);
  });

  it('takes keys from a file, relative to the configuration', () => {
    const { config, directory, told } = load({
      ...GOOD,
      jwks: 'good.json',
      roles_claim: 'roles',
      audience: ['a', 'b'],
    });
    expect(told).toEqual([]);
    expect(config && issuersOf(config)).toMatchObject([
      { jwks: join(directory, 'good.json'), rolesClaim: 'roles', audience: ['a', 'b'] },
    ]);
  });

  it('says what its acr are worth, ours no more than others', () => {
    const levels = { 'urn:example:mfa': 'medium', gold: 'high', '0': 'none', 'urn:sallyport:acr:low': 'low' };
    const { config, told } = load({ ...GOOD, acr_levels: levels });
    expect(told).toEqual([]);
    expect(config && issuersOf(config)).toMatchObject([{ acrLevels: levels }]);
  });

  it.each(['http://127.0.0.1:1/jwks', 'http://localhost/jwks', 'http://[::1]:80/jwks'])(
    '%s is on this machine',
    (jwks) => {
      expect(load({ ...GOOD, jwks }).told).toEqual([]);
    },
  );

  it.each<[string, object, string]>([
    ['plain HTTP', { jwks: 'http://i.test/jwks' }, 'plain-http'],
    ['plain HTTP that looks like here', { jwks: 'http://127.0.0.1.i.test/jwks' }, 'plain-http'],
    ['no address', { jwks: 'https://:x' }, 'bad-value'],
    ['a user in the address', { jwks: 'https://a:b@i.test/jwks' }, 'file-unreadable'],
    ['a file that is not there', { jwks: 'none.json' }, 'file-unreadable'],
    ['a file that is no key set', { jwks: 'broken.json' }, 'bad-keys'],
    ['a file of private keys', { jwks: 'private.json' }, 'bad-keys'],
    ['a large file', { jwks: 'big.json' }, 'file-too-large'],
    ['a long leeway', { leeway: '6m' }, 'out-of-range'],
    ['no age at all', { max_age: '0s' }, 'out-of-range'],
    ['an algorithm of shared keys', { algorithms: ['HS256'] }, 'bad-value'],
    ['no algorithm', { algorithms: ['none'] }, 'bad-value'],
    ['an acr of no level', { acr_levels: { 'urn:example:mfa': 'strong' } }, 'bad-value'],
    ['an acr with a space', { acr_levels: { 'two words': 'low' } }, 'unknown-key'],
    ['an empty acr', { acr_levels: { '': 'low' } }, 'unknown-key'],
    ['a list of acr', { acr_levels: ['urn:example:mfa'] }, 'wrong-type'],
    ['an empty list of algorithms', { algorithms: [] }, 'out-of-range'],
    ['no audience', { audience: undefined }, 'missing-key'],
    ['an empty list of audiences', { audience: [] }, 'out-of-range'],
    ['no issuer', { issuer: undefined }, 'missing-key'],
    ['no keys', { jwks: undefined }, 'missing-key'],
    ['a key of its own', { secret: 'x' }, 'unknown-key'],
  ])('refuses %s', (_name, wrong, code) => {
    const { config, told } = load({ ...GOOD, ...wrong });
    expect(told).toEqual([`5 error ${code}`]);
    expect(config).toBe(undefined);
  });

  it('shares its issuer with nobody, and its id neither', () => {
    expect(load(GOOD, { ...GOOD, id: 'others' }).told).toEqual(['6 error duplicate-issuer']);
    expect(load(GOOD, { ...GOOD, issuer: 'https://j.test' }).told).toEqual(['6 error duplicate-provider']);
  });

  it('a word that is none is told as such', () => {
    const { findings } = load({ id: 'x', type: 'jwtt' });
    expect(findings[0]).toMatchObject({
      message: 'identity.providers[0].type must be one of local, jwt, not "jwtt".',
      suggestion: 'Did you mean jwt?',
    });
    expect(load({ id: 'x' }).findings[0]?.message).toBe('identity.providers[0] needs the key "type".');
  });

  it('is told apart from the other kinds by its word', () => {
    expect(load({ id: 'x', type: 'jwtt' }).told).toEqual(['5 error bad-value']);
    expect(load({ id: 'x', type: 'local', issuer: 'https://i.test' }).told).toEqual(['5 error unknown-key']);
    expect(load({ id: 'x', type: 'oidc', issuer: 'https://i.test' }).told).toEqual(['5 error not-available-yet']);
  });
});
