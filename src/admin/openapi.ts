import type { TObject } from 'typebox';
import { ANNOTATIONS } from '../schema/annotations.ts';
import { API_PREFIX, OPERATIONS, type Operation } from './operations.ts';
import { PROBLEMS, type ProblemReason } from './problem.ts';
import { COMPONENTS } from './schemas.ts';

type Json = { readonly [key: string]: unknown };

/** What any operation can answer. */
const ALWAYS: readonly ProblemReason[] = [
  'invalid_request',
  'login_required',
  'invalid_token',
  'csrf_failed',
  'misdirected_request',
  'headers_too_large',
  'internal_error',
  'store_unavailable',
];
const WITH_BODY: readonly ProblemReason[] = ['payload_too_large', 'unsupported_media_type'];

/** The description of the API (OpenAPI 3.1.0), made of the tables and schemas that it runs by. The same for every gateway. */
export function openApiDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = API_PREFIX + operation.path;
    paths[path] ??= {};
    (paths[path] as Record<string, Json>)[operation.method] = operationObject(id, operation);
  }
  return plain({
    openapi: '3.1.0',
    info: {
      title: 'Sallyport administration',
      version: '1',
      summary: 'Sessions, accounts, blocks, policies and health of a gateway.',
      description:
        'Served on the admin listener. Errors are application/problem+json (RFC 9457). Every change is in the audit log before its answer. Clients ignore fields of answers that they do not know.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: [...new Set(Object.values(OPERATIONS).map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: '`admin.token` of the configuration.' },
      },
      schemas: COMPONENTS,
    },
  });
}

function operationObject(operationId: string, operation: Operation): Json {
  const { params, query, body, answer, summary, problems } = operation;
  const all = [...ALWAYS, ...(body === undefined ? [] : WITH_BODY), ...problems];
  return {
    operationId,
    tags: [tagOf(operation)],
    summary,
    ...((params ?? query) && { parameters: [...parameters('path', params), ...parameters('query', query)] }),
    ...(body && { requestBody: { required: isRequired(body), content: { 'application/json': { schema: body } } } }),
    responses: {
      ...(answer === undefined
        ? { 204: { description: 'Done.' } }
        : { 200: { description: 'Done.', content: content('application/json', answer) } }),
      ...problemResponses(all),
    },
  };
}

function problemResponses(reasons: readonly ProblemReason[]): Json {
  const statuses = [...new Set(reasons.map((reason) => PROBLEMS[reason].status))].sort((a, b) => a - b);
  const of = (status: number): string =>
    reasons
      .filter((reason) => PROBLEMS[reason].status === status)
      .map((reason) => `\`${reason}\``)
      .join(', ');
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: `${of(status)}.`, content: content('application/problem+json', 'Problem') },
    ]),
  );
}

const content = (type: string, name: keyof typeof COMPONENTS): Json => ({
  [type]: { schema: { $ref: `#/components/schemas/${name}` } },
});

function parameters(where: 'path' | 'query', schema: TObject | undefined): readonly Json[] {
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => {
    const { description, ...rest } = property as Json;
    return { name, in: where, required: schema?.required?.includes(name) === true, description, schema: rest };
  });
}

/** Whether a client has to send a body of this schema. */
export const isRequired = (body: TObject): boolean => (body.required ?? []).length > 0;

const tagOf = ({ path }: Pick<Operation, 'path'>): string => path.split(/[/.]/)[1] as string;

/** Data alone, without the keywords that only we read. */
const plain = (value: unknown): Json =>
  JSON.parse(
    JSON.stringify(value, (key, item) => ((ANNOTATIONS as readonly string[]).includes(key) ? undefined : item)),
  ) as Json;
