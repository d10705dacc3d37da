import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { generatedFiles } from '../../src/cli/gen.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { runTests } from '../../src/policy/tests.ts';
import { readYaml } from '../../src/schema/yaml.ts';
import { catalogue } from '../../src/signals/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('what is generated', () => {
  it.each([...generatedFiles()])('%s is current (npm run gen)', (path, text) => {
    expect(read(path) === text).toBe(true);
  });

  it.each<readonly [string, string]>([
    ['config/sallyport.yaml', 'config/schema/sallyport.schema.json'],
    ...readdirSync(join(ROOT, 'policies'))
      .filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml') && name !== 'roles.yaml')
      .map((name) => [`policies/${name}`, 'config/schema/policy.schema.json'] as const),
  ])('%s satisfies %s, as an editor would check it', (file, schema) => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse(read(schema)));
    validate(plain(readYaml(file, read(file)).document?.value));
    expect(validate.errors ?? []).toEqual([]);
  });
});

describe('what is shipped', () => {
  it('loads with the one warning that it deserves, policies included', () => {
    const { config, findings } = loadConfiguration(join(ROOT, 'config/sallyport.yaml'), {});
    // this version has no portal, and one application
    expect(findings.map(({ code }) => code)).toEqual(['no-portal']);
    const policies = loadPolicies(config?.policyFiles ?? [], catalogue);
    expect(policies.findings).toEqual([]);
    const results = runTests(policies.set, catalogue);
    expect(results.length).toBeGreaterThan(5);
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
  });
});
