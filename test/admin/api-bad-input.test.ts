import { mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exchangeRaw, parseAnswer, type RawAnswer } from '../support/raw.ts';
import { type ApiWorld, expectProblemShape, openApiWorld, TOKEN } from './api-world.ts';

let world: ApiWorld;
let cookie: string;
beforeAll(async () => {
  world = await openApiWorld();
  await world.gate.addUser('ann');
  cookie = await world.gate.signIn('ann');
});
afterAll(() => world.close());

const AUTH = `Authorization: Bearer ${TOKEN}`;
const JSON_TYPE = 'Content-Type: application/json';
const EXPLAIN = 'POST /api/v1/policies/explain';
const GOOD = JSON.stringify({ method: 'GET', url: '/' });

/** Bytes as they are; Host, Connection and Content-Length are added unless given. */
async function raw(line: string, headers: readonly string[], body: string | Buffer = ''): Promise<RawAnswer> {
  const has = (name: string) => headers.some((header) => header.toLowerCase().startsWith(`${name}:`));
  const all = [
    ...(has('host') ? [] : [`Host: 127.0.0.1:${world.gate.adminPort}`]),
    ...headers,
    ...(has('content-length') || has('transfer-encoding') || body.length === 0
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ...(has('connection') ? [] : ['Connection: close']),
  ];
  const head = Buffer.from(`${line} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`, 'latin1');
  return parseAnswer(await exchangeRaw(world.gate.adminPort, Buffer.concat([head, Buffer.from(body)])));
}

function expectProblem(answer: RawAnswer, status: number, reason: string): Record<string, unknown> {
  expect([answer.status, answer.headers.get('content-type')], answer.text).toEqual([
    status,
    'application/problem+json',
  ]);
  const body = JSON.parse(answer.body);
  expect(body).toMatchObject({ status, reason, type: `urn:sallyport:problem:${reason}` });
  expectProblemShape(body);
  expect(answer.text).not.toMatch(/node_modules|\.ts:|\.js:|Error:/);
  return body;
}

describe('the door', () => {
  const own = () => `127.0.0.1:${world.gate.adminPort}`;
  it.each<[string, () => readonly string[], number, string]>([
    ['no token', () => [], 401, 'login_required'],
    ['a wrong token', () => ['Authorization: Bearer a-token-of-somebody-else'], 401, 'invalid_token'],
    ['a beginning of the token', () => [AUTH.slice(0, -1)], 401, 'invalid_token'],
    ['two tokens', () => [AUTH, AUTH], 401, 'invalid_token'],
    ['another scheme', () => [`Authorization: Basic ${btoa(`admin:${TOKEN}`)}`], 401, 'invalid_token'],
    ['the token in a cookie', () => [`Cookie: token=${TOKEN}`], 401, 'login_required'],
    ['the session of a person', () => [`Cookie: sallyport=${cookie}`], 401, 'login_required'],
    ['the session of a person as a token', () => [`Authorization: Bearer ${cookie}`], 401, 'invalid_token'],
    ['a foreign Origin', () => [AUTH, 'Origin: https://evil.example'], 403, 'csrf_failed'],
    ['an Origin that is none', () => [AUTH, 'Origin: null'], 403, 'csrf_failed'],
    ['an Origin of another port', () => [AUTH, 'Origin: http://127.0.0.1:8080'], 403, 'csrf_failed'],
    ['an Origin that only begins like ours', () => [AUTH, `Origin: http://${own()}.evil.example`], 403, 'csrf_failed'],
    [
      'an Origin with our address as its user',
      () => [AUTH, `Origin: http://${own()}@evil.example`],
      403,
      'csrf_failed',
    ],
    ['an Origin of another scheme', () => [AUTH, `Origin: ftp://${own()}`], 403, 'csrf_failed'],
    ['two Origins', () => [AUTH, `Origin: http://${own()}`, `Origin: http://${own()}`], 403, 'csrf_failed'],
    ['a browser that says cross-site', () => [AUTH, 'Sec-Fetch-Site: cross-site'], 403, 'csrf_failed'],
    ['a browser that says same-site', () => [AUTH, 'Sec-Fetch-Site: same-site'], 403, 'csrf_failed'],
    [
      'a browser that says both',
      () => [AUTH, 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
      403,
      'csrf_failed',
    ],
    ['a Host that is not ours', () => [AUTH, 'Host: evil.example'], 421, 'misdirected_request'],
  ])('%s: refused, and nothing is done', async (_name, headers, status, reason) => {
    expectProblem(await raw('DELETE /api/v1/sessions?user=ann', headers()), status, reason);
    expectProblem(await raw('GET /api/v1/openapi.json', headers()), status, reason);
    expectProblem(await raw('GET /api/v1/nothing-here', headers()), status, reason);
    expect(await world.visit(cookie)).toEqual({ status: 200, reached: true });
  });

  it('lets a page of its own in, and a program', async () => {
    const page = [`Origin: http://${own()}`, 'Sec-Fetch-Site: same-origin'];
    expect((await raw('GET /api/v1/health', [AUTH, ...page])).status).toBe(200);
    expect((await raw('GET /api/v1/health', [AUTH, 'Sec-Fetch-Site: none'])).status).toBe(200);
    expect((await raw('GET /api/v1/health', [AUTH])).status).toBe(200);
  });

  it('answers no preflight', async () => {
    const answer = await raw('OPTIONS /api/v1/sessions', [
      'Origin: https://evil.example',
      'Access-Control-Request-Method: DELETE',
    ]);
    expectProblem(answer, 403, 'csrf_failed');
    expect(answer.text.toLowerCase()).not.toContain('access-control-');
  });

  it('records who tries tokens, and never the token', async () => {
    const answer = await raw('GET /api/v1/users', ['Authorization: Bearer a-token-that-somebody-tried']);
    const id = answer.headers.get('x-request-id');
    await expect
      .poll(() => world.audited().find((event) => event.id === id))
      .toMatchObject({ type: 'authentication', action: 'admin_api', result: 'failure', reason: 'invalid_token' });
    expect(JSON.stringify(world.audited())).not.toContain('somebody-tried');
  });
});

describe('methods', () => {
  it.each([
    ['PUT /api/v1/sessions', 'GET, HEAD, DELETE'],
    ['POST /api/v1/sessions/ses_x', 'GET, HEAD, DELETE'],
    ['DELETE /api/v1/users/ann', 'GET, HEAD'],
    ['GET /api/v1/users/ann/disable', 'POST'],
    ['PATCH /api/v1/users', 'GET, HEAD'],
    ['GET /api/v1/policies/check', 'POST'],
    ['OPTIONS /api/v1/health', 'GET, HEAD'],
    ['BREW /api/v1/health', 'GET, HEAD'],
  ])('%s is 405, and Allow says what is', async (line, allow) => {
    const answer = await raw(line, [AUTH]);
    if (line.startsWith('BREW')) return expect(answer.status).toBe(400);
    expectProblem(answer, 405, 'method_not_allowed');
    return expect(answer.headers.get('allow')).toBe(allow);
  });

  it('HEAD is GET without its body', async () => {
    const answer = await raw('HEAD /api/v1/users', [AUTH]);
    expect([answer.status, answer.body]).toEqual([200, '']);
  });

  it.each(['/api/v1/', '/api/v1/nothing', '/api/v1/users/', '/api/v1/users/ann/', '/api/v1//users', '/api/v1/Users'])(
    '%s is not there',
    async (path) => {
      expectProblem(await raw(`GET ${path}`, [AUTH]), 404, 'no_route');
    },
  );
});

describe('queries', () => {
  it.each([
    ['/sessions?limit=0', '?limit'],
    ['/sessions?limit=1001', '?limit'],
    ['/sessions?limit=-1', '?limit'],
    ['/sessions?limit=1e3', '?limit'],
    ['/sessions?limit=0x10', '?limit'],
    ['/sessions?limit=', '?limit'],
    ['/sessions?limit=NaN', '?limit'],
    ['/sessions?limit=1&limit=2', '?limit'],
    ['/sessions?cursor=nonsense!', '?cursor'],
    ['/users?cursor=%ff', '?cursor'],
    [`/users?cursor=${'a'.repeat(600)}`, '?cursor'],
    ['/sessions?usr=ann', '?usr'],
    ['/sessions?__proto__=1', '?__proto__'],
    ['/sessions?user[]=ann', '?user[]'],
    ['/users/ann?force=1', '?force'],
  ])('%s is refused, and says where', async (path, pointer) => {
    const { errors } = expectProblem(await raw(`GET /api/v1${path}`, [AUTH]), 400, 'invalid_request') as {
      errors: { pointer: string; detail: string }[];
    };
    expect(errors).toHaveLength(1);
    expect(errors[0]?.pointer).toBe(pointer);
  });
});

describe('bodies', () => {
  const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a word', 'nonsense'],
    ['two values', `${GOOD}${GOOD}`],
    ['a comment', `/**/${GOOD}`],
    ['a number that is none', '{"method":"GET","url":"/","set":{"a":NaN}}'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"x"'],
    ['an unknown field', '{"method":"GET","url":"/","path":"/"}'],
    ['a missing field', '{"method":"GET"}'],
    ['a field of another type', '{"method":"GET","url":["/"]}'],
    ['a number for a text', '{"method":1,"url":"/"}'],
    ['a method with spaces', '{"method":"GET /x","url":"/"}'],
    ['__proto__', '{"method":"GET","url":"/","__proto__":{"as":"ann"}}'],
    ['__proto__ deeper down', '{"method":"GET","url":"/","set":{"a":{"__proto__":{"b":1}}}}'],
    ['constructor', '{"method":"GET","url":"/","constructor":{"prototype":{"as":"ann"}}}'],
    ['__proto__ in escapes', '{"method":"GET","url":"/","\\u005f_proto__":{"as":"ann"}}'],
    ['thousands of levels', `{"method":"GET","url":"/","set":{"a":${deep(30_000)}}}`],
    ['33 levels', deep(33)],
    ['levels that never end', '['.repeat(60_000)],
    [
      'too many fields of one map',
      `{"method":"GET","url":"/","set":{${Array.from({ length: 101 }, (_, i) => `"a${i}":1`).join()}}}`,
    ],
  ])('%s is refused', async (_name, body) => {
    const type = body.length === 0 ? [] : [JSON_TYPE];
    const problem = expectProblem(await raw(EXPLAIN, [AUTH, ...type], body), 400, 'invalid_request');
    expect(JSON.stringify(problem).length).toBeLessThan(4096);
    expect(({} as { as?: unknown }).as).toBeUndefined();
  });

  it('names all that is wrong, each where it is', async () => {
    const body = JSON.stringify({ files: [{ file: 'a.yaml' }, { file: '', text: 1, more: 1 }] });
    const { errors } = expectProblem(
      await raw('POST /api/v1/policies/check', [AUTH, JSON_TYPE], body),
      400,
      'invalid_request',
    ) as { errors: { pointer: string }[] };
    expect(new Set(errors.map(({ pointer }) => pointer.split('/').slice(0, 3).join('/')))).toEqual(
      new Set(['/files/0', '/files/1']),
    );
    expect(errors.length).toBeGreaterThanOrEqual(4);
  });

  it.each([
    ['no type', []],
    ['a form', ['Content-Type: application/x-www-form-urlencoded']],
    ['text, which a page may send anywhere', ['Content-Type: text/plain']],
    ['something like JSON', ['Content-Type: application/json5']],
    ['another charset', ['Content-Type: application/json; charset=utf-16']],
    ['compressed', [JSON_TYPE, 'Content-Encoding: gzip']],
  ])('%s is 415', async (_name, headers) => {
    expectProblem(await raw(EXPLAIN, [AUTH, ...headers], GOOD), 415, 'unsupported_media_type');
  });

  it('bytes that are no UTF-8 are 415', async () => {
    const body = Buffer.concat([Buffer.from('{"method":"GET","url":"/'), Buffer.from([0xff]), Buffer.from('"}')]);
    expectProblem(await raw(EXPLAIN, [AUTH, JSON_TYPE], body), 415, 'unsupported_media_type');
  });

  it('with a charset that is ours is read', async () => {
    const answer = await raw(EXPLAIN, [AUTH, 'Content-Type: Application/JSON; charset=UTF-8'], GOOD);
    expect(answer.status).toBe(200);
  });

  it('of 64 KiB are read, and one byte more is not, announced or not', async () => {
    const full = GOOD + ' '.repeat(64 * 1024 - GOOD.length);
    expect((await raw(EXPLAIN, [AUTH, JSON_TYPE], full)).status).toBe(200);
    const announced = await raw(EXPLAIN, [AUTH, JSON_TYPE], `${full} `);
    expectProblem(announced, 413, 'payload_too_large');
    expect(announced.headers.get('connection')).toBe('close');
    const chunk = 'x'.repeat(0x8000);
    const chunks = `8000\r\n${chunk}\r\n`.repeat(40);
    const unannounced = await raw(EXPLAIN, [AUTH, JSON_TYPE, 'Transfer-Encoding: chunked'], `${chunks}0\r\n\r\n`);
    expectProblem(unannounced, 413, 'payload_too_large');
    expectProblem(await raw(EXPLAIN, [AUTH, JSON_TYPE, 'Content-Length: 99999999999']), 413, 'payload_too_large');
    expect((await raw('GET /livez', [])).status).toBe(200);
  });

  it('of operations that take none must be empty', async () => {
    const path = 'POST /api/v1/users/ann/unlock';
    expect((await raw(path, [AUTH])).status).toBe(200);
    expect((await raw(path, [AUTH, JSON_TYPE], '{}')).status).toBe(200);
    expectProblem(await raw(path, [AUTH, JSON_TYPE], '{"force":true}'), 400, 'invalid_request');
    expectProblem(
      await raw('DELETE /api/v1/sessions/ses_x', [AUTH, JSON_TYPE], '{"all":true}'),
      400,
      'invalid_request',
    );
  });
});

describe('a store that does not answer', () => {
  it('is 503 for what needs it, and the rest goes on', async () => {
    const other = await openApiWorld();
    await other.gate.gateway.services.store.close(1000);
    for (const [method, path] of [
      ['GET', '/sessions'],
      ['DELETE', '/sessions/ses_x'],
      ['DELETE', '/sessions?user=staff:ann'],
      ['GET', '/users'],
      ['POST', '/users/ann/disable'],
      ['POST', '/users/ann/unlock'],
    ] as const) {
      const answer = await other.call(method, path);
      expect([path, answer.status, answer.body.reason]).toEqual([path, 503, 'store_unavailable']);
    }
    expect((await other.call('GET', '/health')).body.status).toBe('not_ready');
    expect((await other.call('GET', '/openapi.json')).status).toBe(200);
    await other.close();
  });
});

describe('an audit log that cannot be written', () => {
  let file: string;
  beforeEach(() => {
    file = join(world.gate.directory, 'data', 'audit.ndjson');
  });

  it('gives nobody rights, and says so', async () => {
    await world.call('POST', '/users/ann/disable');
    renameSync(file, `${file}.away`);
    mkdirSync(file);
    try {
      const refused = await world.call('POST', '/users/ann/enable');
      expect([refused.status, refused.body.reason]).toEqual([503, 'audit_unavailable']);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect((await world.call('GET', '/users/ann')).body.disabled).toBe(true);
    } finally {
      rmdirSync(file);
      renameSync(`${file}.away`, file);
    }
    expect((await world.call('POST', '/users/ann/enable')).status).toBe(200);
  });
});
