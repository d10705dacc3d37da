import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sallyport } from '../support/command.ts';
import { CONFIG, type Directory, directoryWith, STAFF } from './directory.ts';

const TESTS = STAFF.replace(/rules:[\s\S]*(?=tests:)/, '');

let directory: Directory;
const run = (args: readonly string[], options: Parameters<typeof sallyport>[1] = {}) =>
  sallyport(args, { cwd: directory.path, ...options });

beforeAll(() => {
  directory = directoryWith({
    'sallyport.yaml': CONFIG,
    'policies/staff.yaml': STAFF,
    'bad.yaml': CONFIG.replace('version: 1', 'version: 1\ncolour: red'),
    'store-is-a-file.yaml': CONFIG.replace('path: data', 'path: sallyport.yaml'),
    'audit-is-a-directory.yaml': `${CONFIG}audit: { file: policies }\n`,
  });
});
afterAll(() => directory.remove());

describe.concurrent('wrong usage exits 2, says what is wrong, and where the help is', () => {
  it.each<[string[], RegExp]>([
    [[], /^Usage: sallyport /],
    [['explian'], /unknown command 'explian'[\s\S]*Did you mean explain\?[\s\S]*`sallyport --help`/],
    [['run', '--colour'], /unknown option '--colour'[\s\S]*`sallyport run --help`/],
    [['run', '--log-level', 'loud'], /debug, info, warn, error, silent/],
    [['user', 'add'], /missing required argument 'name'[\s\S]*`sallyport user add --help`/],
    [['schema', 'nonsense'], /configuration, policy/],
    [['session', 'revoke'], /session id or --user NAME/],
    // everybody who reaches it could sign in with the passwords that it prints
    [['demo', '--listen', '0.0.0.0:0'], /--listen must be an address of this machine only/],
  ])('%j', async (args, says) => {
    const { code, stdout, stderr } = await run(args);
    expect(stderr).toMatch(says);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

describe.concurrent('a configuration that is not good exits 78', () => {
  it.each<[string, string[], RegExp]>([
    ['run', ['run', '--config', 'bad.yaml'], /^bad\.yaml:2:1: error: Unknown key "colour"/],
    ['explain', ['explain', 'GET', '/', '--config', 'bad.yaml'], /^bad\.yaml:2:1: error: /],
    ['user', ['user', 'list', '--json', '--config', 'bad.yaml'], /^bad\.yaml:2:1: error: /],
    ['session', ['session', 'list', '--config', 'bad.yaml'], /^bad\.yaml:2:1: error: /],
    [
      'one that is not there',
      ['run'],
      /^config\/sallyport\.yaml:1:1: error: .*\n {4}.*--config FILE or SALLYPORT_CONFIG/,
    ],
  ])('%s', async (_, args, says) => {
    const { code, stdout, stderr } = await run(args);
    expect(stderr).toMatch(says);
    expect(stdout).toBe('');
    expect(code).toBe(78);
  });

  it('also when the environment named it; --config wins', async () => {
    const env = { SALLYPORT_CONFIG: 'bad.yaml' };
    expect((await run(['user', 'list'], { env })).code).toBe(78);
    expect((await run(['user', 'list', '--config', 'sallyport.yaml'], { env })).code).toBe(0);
  });
});

describe.concurrent('what cannot be opened exits 1, with the setting and without a trace', () => {
  it.each([
    ['the store', 'store-is-a-file.yaml', /`store` in the configuration.*ENOTDIR/],
    ['the audit file', 'audit-is-a-directory.yaml', /`audit\.file` in the configuration.*EISDIR/],
  ])('%s', async (_, file, says) => {
    const { code, stdout, stderr } = await run(['user', 'list', '--config', file]);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });
});

describe.concurrent('output', () => {
  it('help is everywhere, and explains every option', async () => {
    for (const args of [['--help'], ['user', 'add', '--help']]) {
      const { code, stdout, stderr } = await run(args);
      expect(stdout).toMatch(/^Usage: sallyport /);
      expect(stdout).not.toMatch(/^ {2}(-\S|--\S).*\S$(?<! {2}\S.*)/m);
      expect(stderr).toBe('');
      expect(code).toBe(0);
    }
  });

  it.each([
    ['a good end stays good', ['schema'], 0],
    ['an error stays an error', ['check', '--json', 'bad.yaml'], 1],
  ])('a reader that leaves is no error: %s', async (_, args, expected) => {
    const { code, stderr } = await run(args, { deafReader: true });
    expect(stderr).toBe('');
    expect(code).toBe(expected);
  });

  it.each([
    ['none where there is no terminal', { NO_COLOR: undefined }, false],
    ['as FORCE_COLOR says', { NO_COLOR: undefined, FORCE_COLOR: '1' }, true],
  ])('colours: %s', async (_, env, colored) => {
    const { stdout } = await run(['check', 'bad.yaml'], { env });
    expect(stdout.includes('\u001b[')).toBe(colored);
  });

  it.each([
    ['configuration', CONFIG, CONFIG.replace('version: 1', 'version: 1\ncolour: red')],
    ['policy', STAFF, STAFF.replace('any_of', 'any_off')],
    ['policy-tests', TESTS, TESTS.replace('effect', 'efect')],
  ])('schema %s is a JSON Schema that takes what is right and refuses what is not', async (what, good, bad) => {
    const { code, stdout } = await run(['schema', what]);
    expect(code).toBe(0);
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse(stdout));
    expect(validate(parse(good)), JSON.stringify(validate.errors)).toBe(true);
    expect(validate(parse(bad))).toBe(false);
  });
});

it('a Node that is too old is told plainly', async () => {
  // the entry reads process.versions, and nothing else of ours has run before it
  const older = 'Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.5"}})';
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(older)}` };
  const { code, stdout, stderr } = await run(['--version'], { env });
  expect(stderr).toMatch(/^sallyport needs Node 24 or newer; this is Node 20\.19\.5\.\n[\s\S]*npm ci/);
  expect(stdout).toBe('');
  expect(code).toBe(1);
});
