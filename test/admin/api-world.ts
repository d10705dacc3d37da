import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { openApiDocument } from '../../src/admin/openapi.ts';
import { openTestGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

export const TOKEN = 'a-token-of-the-administrator';

/** An answer, read once. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

export interface ApiWorld {
  readonly gate: TestGateway;
  readonly upstream: RecordingUpstream;
  /** as the administrator; a path below /api/v1; what comes back satisfies the published description */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>;
  /** whatever `fetch` can send, also to be refused */
  send(path: string, init: RequestInit): Promise<ApiAnswer>;
  /** whether a session's cookie opens the application, and whether the application heard of it */
  visit(cookie: string): Promise<{ readonly status: number; readonly reached: boolean }>;
  /** lines of the audit log about administration, and about those who were refused */
  audited(): readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

/** A whole gateway with an application and the administration API, over real sockets. */
export async function openApiWorld(more = '', options: Partial<TestGatewayOptions> = {}): Promise<ApiWorld> {
  const upstream = await openUpstream();
  const gate = await openTestGateway({
    ...options,
    config: `routes:\n  - { route: app, match: { host: app.test }, upstream: "${upstream.origin}", policy: staff, user_prefix: true }\n${more}`,
    adminToken: TOKEN,
  });
  const base = `http://127.0.0.1:${gate.adminPort}`;
  const send = async (path: string, init: RequestInit): Promise<ApiAnswer> => {
    const answer = await fetch(base + path, init);
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
  return {
    gate,
    upstream,
    send,
    call: async (method, path, body, headers = {}) => {
      const answer = await send(`/api/v1${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${TOKEN}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      expectDescribed(method, path, answer);
      return answer;
    },
    visit: async (cookie) => {
      const before = upstream.hits.length;
      const { status } = await gate.send('GET /x HTTP/1.1', ['Host: app.test', `Cookie: sallyport=${cookie}`]);
      return { status, reached: upstream.hits.length > before };
    },
    audited: () =>
      readFileSync(join(gate.directory, 'data', 'audit.ndjson'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('"administration"') || line.includes('"admin_api"'))
        .map((line) => JSON.parse(line)),
    close: async () => {
      await gate.close();
      await upstream.close();
    },
  };
}

const description = JSON.parse(JSON.stringify(openApiDocument()));
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(description, 'api');

/** The body is a problem as the description has it. */
export function expectProblemShape(body: unknown): void {
  const validate = ajv.compile({ $ref: 'api#/components/schemas/Problem' });
  validate(body);
  expect(validate.errors ?? []).toEqual([]);
}

/** The answer is one that the description has for this path, method and status, and its body is as described. */
export function expectDescribed(method: string, path: string, answer: ApiAnswer): void {
  const [bare = ''] = path.split('?');
  const template = Object.keys(description.paths).find((each) =>
    new RegExp(`^${each.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(`/api/v1${bare}`),
  );
  const operation = template === undefined ? undefined : description.paths[template][method.toLowerCase()];
  // a path or a method that there is not is described nowhere
  if (operation === undefined) return;
  const described = operation.responses[answer.status];
  expect(described, `${method} ${path} answers ${answer.status}: ${answer.text}`).toBeDefined();
  if (described.content === undefined) {
    expect(answer.text).toBe('');
    return;
  }
  const [[type, { schema }]] = Object.entries(described.content) as [[string, { schema: { $ref: string } }]];
  expect(answer.headers.get('content-type')).toBe(type);
  const validate = ajv.compile({ $ref: `api${schema.$ref}` });
  validate(answer.body);
  expect(validate.errors ?? [], answer.text).toEqual([]);
}
