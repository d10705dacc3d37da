import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KeyServer, openKeyServer, type SigningPair, signingPair, signRaw } from '../support/issuer.ts';
import { type ApiAnswer, type ApiWorld, openApiWorld } from './api-world.ts';

const ISSUER = 'https://issuer.test';
let pair: SigningPair;
let keys: KeyServer;
let world: ApiWorld;
beforeAll(async () => {
  pair = await signingPair('ES256', 'k');
  keys = await openKeyServer([pair.jwk]);
});
afterAll(() => keys.close());
beforeEach(async () => {
  world = await openApiWorld(
    `identity: { providers: [{ id: staff, type: local }, { id: services, type: jwt, issuer: "${ISSUER}", jwks: "${keys.url}", audience: api, max_age: 1h }] }\n`,
    { storeBornAgo: 3_600_000 },
  );
});
afterEach(() => world.close());

const seconds = (): number => Math.floor(Date.now() / 1000);
const tokenOf = (jti: string | undefined, more: object = {}): Promise<string> => {
  const claims = { iss: ISSUER, aud: 'api', sub: 'svc', groups: ['staff'], jti, iat: seconds(), exp: seconds() + 300 };
  return signRaw(pair, { alg: 'ES256', kid: 'k' }, { ...claims, ...more });
};
/** Whether a token opens the application, and whether the application heard of it. */
async function visit(token: string): Promise<{ readonly status: number; readonly reached: boolean }> {
  const before = world.upstream.hits.length;
  const { status } = await world.gate.send('GET /x HTTP/1.1', ['Host: app.test', `Authorization: Bearer ${token}`]);
  return { status, reached: world.upstream.hits.length > before };
}
const LET_IN = { status: 200, reached: true };
const REFUSED = { status: 403, reached: false };
const recorded = (answer: ApiAnswer) =>
  world.audited().filter((event) => event.id === answer.headers.get('x-request-id'));
const listed = async () => (await world.call('GET', '/blocks')).body.blocks;
const BAD = { kind: 'token', provider: 'services', jti: 'bad' };

describe('a token', () => {
  it('is blocked by its name: the next request with it is refused, and only with it', async () => {
    const [bad, good] = [await tokenOf('bad'), await tokenOf('good')];
    expect([await visit(bad), await visit(good)]).toEqual([LET_IN, LET_IN]);
    const from = Date.now();
    const done = await world.call('POST', '/blocks', { ...BAD, reason: 'leaked\nin a log' });
    const to = Date.now();
    expect([done.status, await visit(bad), await visit(good)]).toEqual([200, REFUSED, LET_IN]);
    expect(done.body).toEqual({
      id: expect.stringMatching(/^blk_[0-3][0-9a-f][A-Za-z0-9_-]{43}$/),
      ...BAD,
      created: expect.any(String),
      until: expect.any(String),
      by: 'admin:token',
      reason: 'leaked\nin a log',
    });
    // max_age, and the ten seconds that the issuer's clock may be ahead
    const until = Date.parse(done.body.until) - 3_610_000;
    expect([until >= from, until <= to]).toEqual([true, true]);
    expect(await listed()).toEqual([done.body]);
    expect(recorded(done)).toEqual([
      expect.objectContaining({
        type: 'administration',
        action: 'block_add',
        result: 'success',
        by: 'admin:token',
        detail: expect.stringMatching(/^token services\/bad until .+: leaked/),
      }),
    ]);
  });

  it('is blocked as it is, until its exp, and is kept nowhere', async () => {
    const bad = await tokenOf('bad');
    const done = await world.call('POST', '/blocks', { kind: 'token', token: bad });
    expect(done.body).toMatchObject(BAD);
    expect(Date.parse(done.body.until) / 1000 - seconds()).toBeGreaterThan(290);
    expect(await visit(bad)).toEqual(REFUSED);
    const written = JSON.stringify([await listed(), world.audited()]) + world.gate.logged.join('');
    for (const part of bad.split('.').slice(1)) expect(written).not.toContain(part);
  });

  it('is let in again once its block is lifted, which is on record before', async () => {
    const bad = await tokenOf('bad');
    const { id } = (await world.call('POST', '/blocks', { ...BAD, for: '15m' })).body;
    expect(await visit(bad)).toEqual(REFUSED);
    const done = await world.call('DELETE', `/blocks/${id}`);
    expect([done.status, done.text, await visit(bad), await listed()]).toEqual([204, '', LET_IN, []]);
    expect(recorded(done)).toEqual([
      expect.objectContaining({
        action: 'block_remove',
        result: 'success',
        detail: expect.stringMatching(/^token services\/bad/),
      }),
    ]);
    const again = await world.call('DELETE', `/blocks/${id}`);
    expect([again.status, again.body.reason]).toEqual([404, 'unknown_block']);
    expect(recorded(again)).toEqual([
      expect.objectContaining({ action: 'block_remove', result: 'failure', reason: 'unknown_block', detail: id }),
    ]);
  });

  it('that is blocked again keeps its id and its later end', async () => {
    const first = (await world.call('POST', '/blocks', { ...BAD, for: '30m' })).body;
    const second = (await world.call('POST', '/blocks', { ...BAD, for: '1m', reason: 'again' })).body;
    expect([second.id, second.until, second.reason]).toEqual([first.id, first.until, 'again']);
    expect(await listed()).toHaveLength(1);
  });
});

it('a list comes in pages, each block on one of them', async () => {
  const ids = await Promise.all(
    Array.from({ length: 7 }, async (_, i) => (await world.call('POST', '/blocks', { ...BAD, jti: `${i}` })).body.id),
  );
  const found: string[] = [];
  let cursor = '';
  do {
    const { body } = await world.call('GET', `/blocks?limit=3${cursor}`);
    expect(body.blocks.length).toBeLessThanOrEqual(3);
    found.push(...body.blocks.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
  } while (cursor !== '');
  expect(found).toEqual(ids.sort());
});

it.each<[string, object, string]>([
  ['no kind', { provider: 'services', jti: 'bad' }, ''],
  ['a kind that there is not', { ...BAD, kind: 'weather' }, '/kind'],
  ['no jti', { kind: 'token', provider: 'services' }, '/jti'],
  ['a provider that there is not', { ...BAD, provider: 'service' }, '/provider'],
  ['a provider without tokens', { ...BAD, provider: 'staff' }, '/provider'],
  ['a key that there is not', { ...BAD, ip: '192.0.2.1' }, '/ip'],
  ['an end in the past', { ...BAD, until: '2020-01-01T00:00:00Z' }, '/until'],
  ['two ends', { ...BAD, until: '2999-01-01T00:00:00Z', for: '1h' }, '/for'],
  ['a duration that is none', { ...BAD, for: '1 hour' }, '/for'],
  ['a reason that is too long', { ...BAD, reason: 'x'.repeat(257) }, '/reason'],
  ['no token', { kind: 'token', token: 'x.y.z' }, '/token'],
  ['a token and a name', { ...BAD, token: 'x.y.z' }, '/token'],
])('%s: is refused, and nothing is blocked', async (_name, body, pointer) => {
  const answer = await world.call('POST', '/blocks', body);
  expect([answer.status, answer.body.reason]).toEqual([400, 'invalid_request']);
  expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([pointer]);
  expect(answer.text).not.toContain('x.y.z');
  expect(await listed()).toEqual([]);
});

it.each([
  ['/blocks/blk_', 404, 'unknown_block'],
  ['/blocks/ses_x', 404, 'unknown_block'],
  [`/blocks/blk_00${'A'.repeat(43)}`, 404, 'unknown_block'],
  ['/blocks/blk_zz', 404, 'unknown_block'],
  ['/blocks', 405, 'method_not_allowed'],
])('DELETE %s is %d', async (path, status, reason) => {
  const answer = await world.call('DELETE', path);
  expect([answer.status, answer.body.reason]).toEqual([status, reason]);
});

it('without a record no block is lifted', async () => {
  const bad = await tokenOf('bad');
  const { id } = (await world.call('POST', '/blocks', BAD)).body;
  const data = join(world.gate.directory, 'data');
  await world.gate.gateway.services.audit.close(1000);
  renameSync(join(data, 'audit.ndjson'), join(data, 'former.ndjson'));
  const answer = await world.call('DELETE', `/blocks/${id}`);
  expect([answer.status, answer.body.reason]).toEqual([503, 'audit_unavailable']);
  expect(await visit(bad)).toEqual(REFUSED);
});
