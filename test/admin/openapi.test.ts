import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/admin/openapi.ts';
import { OPERATIONS } from '../../src/admin/operations.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document, read as its readers do
const document: any = openApiDocument();
// biome-ignore lint/suspicious/noExplicitAny: as above
type Described = { path: string; method: string; operation: any };
const described: readonly Described[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods as object).map(([method, operation]) => ({ path, method, operation })),
);

describe('the published description', () => {
  it('is OpenAPI 3.1 and describes every operation once', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    expect(described.map(({ operation }) => operation.operationId).sort()).toEqual(Object.keys(OPERATIONS).sort());
  });

  it('refers to nothing that it does not hold', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] as string);
    const missing = refs.filter(
      (ref) => !Object.hasOwn(document.components.schemas, ref.replace('#/components/schemas/', '')),
    );
    expect(missing).toEqual([]);
    const unused = Object.keys(document.components.schemas).filter(
      (name) => !refs.includes(`#/components/schemas/${name}`),
    );
    expect(unused).toEqual([]);
  });

  it('holds schemas of JSON Schema 2020-12, and no keyword of ours', () => {
    const ajv = new Ajv2020({ strictSchema: true, strictTypes: false, validateFormats: false, allowUnionTypes: true });
    ajv.addVocabulary(['openapi', 'info', 'servers', 'security', 'tags', 'paths', 'components']);
    ajv.addSchema(document, 'api');
    for (const name of Object.keys(document.components.schemas))
      expect(() => ajv.compile({ $ref: `api#/components/schemas/${name}` }), name).not.toThrow();
    for (const { operation } of described) {
      for (const { schema } of operation.parameters ?? []) expect(() => ajv.compile(schema)).not.toThrow();
      const body = operation.requestBody?.content['application/json'].schema;
      if (body !== undefined) expect(() => ajv.compile(body)).not.toThrow();
    }
    expect(JSON.stringify(document)).not.toContain('"x-');
  });

  it.each(described.map(({ path, method, operation }) => [`${method} ${path}`, operation] as const))(
    '%s: names its parameters, and all that it can answer',
    (name, operation) => {
      const inPath = (operation.parameters ?? [])
        .filter((each: { in: string }) => each.in === 'path')
        .map((each: { name: string; required: boolean }) => [each.name, each.required]);
      expect(inPath).toEqual([...name.matchAll(/\{(\w+)\}/g)].map((match) => [match[1], true]));
      for (const status of ['400', '401', '403', '421', '431', '500', '503'])
        expect(operation.responses[status].content['application/problem+json']).toBeDefined();
      expect(Object.keys(operation.responses).filter((status) => status < '300')).toHaveLength(1);
      for (const status of ['413', '415'])
        expect(status in operation.responses).toBe(operation.requestBody !== undefined);
    },
  );
});
