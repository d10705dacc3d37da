import type { Context } from 'hono';
import type { TObject } from 'typebox';
import { parseJson } from '../schema/json.ts';
import { compileJson, type JsonProblem } from '../schema/validate.ts';
import type { Operation } from './operations.ts';
import type { ProblemExtra, ProblemReason } from './problem.ts';

/** Bytes of a body. */
export const MAX_BODY_BYTES = 64 * 1024;

type Refusal = { readonly ok: false; readonly reason: ProblemReason; readonly extra?: ProblemExtra };
type Read<T> = { readonly ok: true; readonly value: T } | Refusal;

export interface Raw {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/**
 * Compiles how an operation is read: path, query and body by their schemas, everything else refused. A path that is none of
 * a resource is answered with `unknownPath`.
 */
export function compileInput(operation: Operation, unknownPath: ProblemReason): (c: Context) => Promise<Read<Raw>> {
  const params = compilePart(operation.params);
  const query = compilePart(operation.query);
  const body = operation.body && compilePart(operation.body);
  return async (c) => {
    const path = params(c.req.param());
    if (!path.ok) return { ok: false, reason: unknownPath };
    const sent = queryOf(new URL(c.req.url).searchParams, operation.query);
    const asked = sent.ok ? query(sent.value) : sent;
    if (!asked.ok) return invalid(asked.problems, '?');
    if (body === undefined) return { ok: true, value: { params: path.value, query: asked.value, body: undefined } };
    const read = await readBody(c);
    if (!read.ok) return read;
    const given = body(read.value);
    if (!given.ok) return invalid(given.problems, '');
    return { ok: true, value: { params: path.value, query: asked.value, body: given.value } };
  };
}

const NOTHING: TObject = { type: 'object', properties: {}, additionalProperties: false } as unknown as TObject;

const compilePart = (schema: TObject | undefined) => compileJson(schema ?? NOTHING);

/** A parameter of a query is named `?name`, since there is no pointer into it. */
const invalid = (problems: readonly JsonProblem[], prefix: string): Refusal => ({
  ok: false,
  reason: 'invalid_request',
  extra: {
    errors: problems.map(({ pointer, detail }) => ({
      pointer: prefix + (prefix && pointer.slice(1)) || pointer,
      detail,
    })),
  },
});

type Sent =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problems: readonly JsonProblem[] };

/** Names at most once; whole numbers where the schema wants one. */
function queryOf(sent: URLSearchParams, schema: TObject | undefined): Sent {
  const value: Record<string, unknown> = Object.create(null);
  for (const [name, text] of sent) {
    if (Object.hasOwn(value, name))
      return { ok: false, problems: [{ pointer: `/${name.slice(0, 64)}`, detail: 'This may be said once.' }] };
    const wanted = (schema?.properties?.[name] as { readonly type?: unknown } | undefined)?.type;
    value[name] = wanted === 'integer' && /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : text;
  }
  return { ok: true, value };
}

/** The JSON of a body; an empty map when there is none. */
async function readBody(c: Context): Promise<Read<unknown>> {
  const declared = c.req.header('content-length');
  if (declared !== undefined && Number(declared) > MAX_BODY_BYTES) return { ok: false, reason: 'payload_too_large' };
  const bytes = await bytesOf(c.req.raw.body);
  if (bytes === undefined) return { ok: false, reason: 'payload_too_large' };
  if (bytes.length === 0) return { ok: true, value: {} };
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/json(?:\s*;\s*charset=(?:utf-8|"utf-8"))?\s*$/i.test(type) || isCompressed(c))
    return { ok: false, reason: 'unsupported_media_type' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { ok: false, reason: 'unsupported_media_type' };
  }
  const parsed = parseJson(text);
  return parsed.ok ? parsed : invalid([{ pointer: '', detail: parsed.detail }], '');
}

const isCompressed = (c: Context): boolean => !/^(?:identity)?$/i.test(c.req.header('content-encoding') ?? '');

/** All of a body, or undefined when it is too large; the rest is left where it is. */
async function bytesOf(body: ReadableStream<Uint8Array> | null): Promise<Buffer | undefined> {
  if (body === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    size += value.length;
    if (size > MAX_BODY_BYTES) {
      reader.releaseLock();
      return undefined;
    }
    chunks.push(value);
  }
}
