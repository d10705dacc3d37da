import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import type { RawAnswer } from '../support/raw.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

/** `limits.target`, as it is unless configured. */
const LONGEST = 8192;
const NAVIGATION = ['Sec-Fetch-Mode: navigate', 'Accept: text/html'];
let upstream: RecordingUpstream;
let gate: TestGateway;
let ann: string;

beforeAll(async () => {
  upstream = await openUpstream();
  gate = await openTestGateway({
    policies: {
      'strong.yaml': `
version: 1
policy: strong
rules:
  - { allow: staff, when: { identity.groups: { any_of: [staff] } } }
  - { step_up: strong, when: { identity.groups: { any_of: [staff] } }, require: { level: medium, max_age: 15m } }
`,
    },
    config: `routes:\n  - { route: app, upstream: "${upstream.origin}", policy: strong }\n`,
  });
  await gate.addUser('ann');
  ann = await gate.signIn('ann');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** `head` and so many ampersands, each of which is three characters in an address. */
const growing = (head: string, length: number): string => head.padEnd(length, '&');
const returnToOf = (location: string): string | null => new URLSearchParams(location.split('?')[1]).get('return_to');
const cookies = (bytes: number): string => `Cookie: app=${'c'.repeat(bytes - 'Cookie: app='.length)}`;

/** The page that a browser is sent to, fetched with what it sends every time, and its form sent back as it would. */
async function goOn(location: string, headers: readonly string[]): Promise<{ page: RawAnswer; form: RawAnswer }> {
  const page = await gate.send(`GET ${location} HTTP/1.1`, headers);
  const [path] = location.split('?');
  const body = 'csrf=x';
  const form = await gate.send(
    `POST ${path} HTTP/1.1`,
    [
      ...headers,
      'Origin: http://app.test',
      `Referer: http://app.test${location}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
    ],
    body,
  );
  return { page, form };
}

const TARGETS: readonly (readonly [name: string, target: string, comesBackTo: string, more?: readonly string[]])[] = [
  ['a query of the full length that grows threefold', growing('/a?', LONGEST), '/a'],
  ['a path and a query of the full length', growing(`/${'a'.repeat(1000)}?`, LONGEST), `/${'a'.repeat(1000)}`],
  ['a path of the full length that grows', '/a'.repeat(LONGEST / 2), '/'],
  ['a path that is too long to be taken back, and a query', `/${'a'.repeat(5000)}?b`, '/'],
  ['a query that does not grow and is too long to be taken back', `/a?${'b'.repeat(5000)}`, '/a'],
  ['what just fits, grown', growing('/a?', 2600), growing('/a?', 2600)],
  ['what fits, beside headers that leave no room for it', growing('/a?', 2600), '/a', [cookies(8000)]],
];

describe.each([
  ['sign in', '/.sallyport/login', () => [] as string[]],
  ['step up', '/.sallyport/step-up', () => [`Cookie: sallyport=${ann}`]],
])('whoever is sent to %s from a long address', (_name, page, credential) => {
  it.each(TARGETS)('%s: gets there', async (_case, target, comesBackTo, more = []) => {
    const headers = [...NAVIGATION, ...credential(), ...more];
    const answer = await gate.send(`GET ${target} HTTP/1.1`, headers);
    expect(answer.status).toBe(302);
    const location = answer.headers.get('location') ?? '';
    expect(location.startsWith(`${page}?return_to=`)).toBe(true);
    expect(returnToOf(location)).toBe(comesBackTo);
    expect(location.length).toBeLessThanOrEqual(LONGEST);
    const then = await goOn(location, headers);
    // the form is refused for what it does not hold, and not for its size
    expect([page.endsWith('login') ? 200 : 403, 403]).toEqual([then.page.status, then.form.status]);
    expect(upstream.hits).toEqual([]);
  });

  it('a target one longer than the limit is 414 as ever', async () => {
    expect((await gate.send(`GET ${growing('/a?', LONGEST + 1)} HTTP/1.1`, NAVIGATION)).status).toBe(414);
  });
});

it('a client that is told where to sign in can go there', async () => {
  const { body } = await gate.send(`GET ${growing('/a?', LONGEST)} HTTP/1.1`);
  const { login_url: url } = JSON.parse(body);
  expect(url).toBe('/.sallyport/login?return_to=%2Fa');
  expect((await gate.send(`GET ${url} HTTP/1.1`, NAVIGATION)).status).toBe(200);
});
