import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configurationSchema } from '../../src/config/schema.ts';
import { decode } from '../../src/schema/decode.ts';
import type { SourceDocument } from '../../src/schema/document.ts';
import { mend } from '../../src/schema/mend.ts';
import { compileCheck } from '../../src/schema/validate.ts';
import { readYaml } from '../../src/schema/yaml.ts';

const check = compileCheck(configurationSchema);
const documentOf = (text: string): SourceDocument => {
  const { document } = readYaml('c.yaml', text);
  if (document === undefined) throw new Error('the test has bad YAML');
  return document;
};
const mended = (text: string) => mend(documentOf(text), configurationSchema, check);

describe('mending a document', () => {
  it('leaves a good one as it is', () => {
    const text = 'version: 1\nroutes: [{ route: a, upstream: "http://a", public: true }]\n';
    const result = mended(text);
    expect(result?.document.value).toEqual(documentOf(text).value);
    expect(result?.isAsWritten([])).toBe(true);
  });

  it('takes out what is bad, puts in what is needed, and knows where the rest was written', () => {
    const result = mended(`version: 1
lisen: { http: x }
trusted_proxies: [foo, 10.0.0.0/8, 10.0.0.0/8]
limits: { body: 1Mib, headers: 5 }
routes:
  - nothing
  - { route: b, policy: [x, X, y] }
`);
    expect(result?.document.value).toEqual({
      version: 1,
      trusted_proxies: ['10.0.0.0/8'],
      limits: { headers: 5 },
      routes: [{ route: 'b', policy: ['x', 'y'], upstream: 'http://127.0.0.1:3000' }],
    });
    expect(result?.document.locate(['trusted_proxies', 0])).toEqual({ line: 3, column: 24 });
    expect(result?.document.locate(['routes', 0, 'policy', 1])).toEqual({ line: 7, column: 32 });
    const written = (...path: (string | number)[]) => result?.isAsWritten(path);
    expect([written('limits', 'headers'), written('routes', 0, 'route'), written('routes', 0, 'policy', 1)]).toEqual([
      true,
      true,
      true,
    ]);
    // what a misspelt key meant is not known either
    expect([written('limits', 'body'), written('routes', 0, 'upstream'), written('listen'), written('limits')]).toEqual(
      [false, false, false, false],
    );
  });

  it.each(['- a', 'text', '[]'])('gives up on %j', (text) => {
    expect(mended(text)).toBe(undefined);
  });

  it('always ends in something that can be decoded, or in nothing', () => {
    const leaf = fc.oneof(
      fc.constantFrom('a', 'http://a', '1h', '', '10.0.0.0/8', 'local', 'wiki'),
      fc.integer(),
      fc.boolean(),
    );
    const key = fc.constantFrom(
      ...[
        'version',
        'routes',
        'route',
        'upstream',
        'policy',
        'match',
        'path',
        'host',
        'identity',
        'providers',
        'id',
        'type',
      ],
      ...[
        'trusted_proxies',
        'session',
        'idle',
        'limits',
        'head',
        'headers',
        'identity_headers',
        'X-Forwarded-User',
        '5',
        'x',
      ],
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 8 }), (map) => {
        const result = mended(JSON.stringify(map));
        if (result !== undefined) decode(configurationSchema, result.document.value, { directory: '/' });
        expect(result).not.toBe(undefined);
      }),
      { numRuns: 500 },
    );
  });
});
