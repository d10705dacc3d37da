import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestGateway, seen, type TestGateway } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

let upstream: RecordingUpstream;
let gate: TestGateway;
let cookie: string;

beforeAll(async () => {
  upstream = await openUpstream();
  const route = (name: string, rest: string): string =>
    `  - { route: ${name}, match: { path: /${name} }, upstream: "${upstream.origin}", policy: staff${rest} }\n`;
  gate = await openTestGateway({
    config: `routes:\n${route('bare', '')}${route('prefixed', ', user_prefix: true')}${route('renamed', ', user_prefix: true, identity_headers: { X-Forwarded-User: Remote-User }')}`,
  });
  await gate.addUser('ann');
  cookie = await gate.signIn('ann');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

// one session on routes that call the same person differently: what is remembered for one must not reach another
it.each([
  ['bare', 'X-Forwarded-User', 'ann'],
  ['prefixed', 'X-Forwarded-User', 'staff:ann'],
  ['renamed', 'Remote-User', 'staff:ann'],
  ['bare', 'X-Forwarded-User', 'ann'],
])('the route %s says %s: %s', async (route, name, value) => {
  const answer = await gate.send(`GET /${route} HTTP/1.1`, [`Cookie: sallyport=${cookie}`, `${name}: guests:ann`]);
  expect(answer.status).toBe(200);
  expect(seen(upstream.newest().rawHeaders, name.toLowerCase())).toBe(value);
  expect(seen(upstream.newest().rawHeaders, 'x-forwarded-preferred-username')).toBe('ann');
});

it('with two providers a public route tells their people apart by itself', async () => {
  const two = await openTestGateway({
    config: `identity: { providers: [{ id: staff, type: local }, { id: guests, type: local }] }
routes:
  - { route: open, upstream: "${upstream.origin}", public: true }
`,
  });
  try {
    await two.addUser('ann');
    const signedIn = await two.signIn('ann');
    await two.send('GET /open HTTP/1.1', [`Cookie: sallyport=${signedIn}`]);
    expect(seen(upstream.newest().rawHeaders, 'x-forwarded-user')).toBe('staff:ann');
  } finally {
    await two.close();
  }
});
