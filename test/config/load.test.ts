// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/load.ts';
import { directoryWith } from './directory.ts';

const POLICY = 'version: 1\npolicy: wiki\nrules:\n  - allow: all\n';
const SMALLEST = 'version: 1\nroutes:\n  - { route: a, upstream: "http://127.0.0.1:3000", public: true }\n';
const WARNINGS_ASIDE = (findings: readonly { readonly severity: string }[]) =>
  findings.filter(({ severity }) => severity === 'error');

function load(text: string | Uint8Array, env: Record<string, string> = {}, more: Record<string, string> = {}) {
  const directory = directoryWith({ 'sallyport.yaml': text, 'policies/wiki.yaml': POLICY, ...more });
  const result = loadConfiguration(join(directory, 'sallyport.yaml'), env);
  const told = result.findings.map((f) => `${f.line}:${f.column} ${f.code}`);
  return { ...result, told, directory };
}

describe('a good configuration', () => {
  it('needs a version and a route; the rest has defaults', () => {
    const { config, findings, directory } = load(SMALLEST);
    expect(findings).toEqual([]);
    expect(config).toMatchObject({
      listen: { http: { host: '0.0.0.0', port: 8080 } },
      admin: { address: { host: '127.0.0.1', port: 9900 }, hosts: [] },
      store: { path: join(directory, 'data') },
      audit: { file: join(directory, 'data/audit.ndjson') },
      limits: { head: 16_384, headers: 100, target: 8192, body: 104_857_600 },
      session: {
        idle: 1_800_000,
        floor: 300_000,
        absolute: 28_800_000,
        elevation: { low: 28_800_000, medium: 3_600_000, high: 900_000 },
      },
      identity: { providers: [] },
      trusted_proxies: [],
      policyFiles: [],
      routes: [
        {
          match: { path: '/', exact: false },
          public: true,
          allow: [],
          case_sensitive: false,
          explain: false,
          reuse: true,
        },
      ],
    });
  });

  it('is frozen to its depths, without prototypes', () => {
    const { config } = load(SMALLEST);
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      for (const item of Object.values(value)) visit(item);
    };
    visit(config);
    expect(Reflect.get(config?.routes[0]?.identity_headers ?? {}, 'constructor')).toBe(undefined);
  });

  it('takes values from the environment and from files beside it, and watches what it read', () => {
    const text = `${SMALLEST}policies: ./policies\nsecrets: { cookie: ["\${file:cookie}", "\${OLD}"] }\nlimits: { headers: "\${HEADERS}", body: "\${BODY:-1MiB}" }\n`;
    const { config, findings, watched, directory } = load(
      text,
      { OLD: 'o'.repeat(32), HEADERS: '50' },
      { cookie: `${'n'.repeat(40)}\n` },
    );
    expect(findings).toEqual([]);
    expect(config?.secrets.cookie).toEqual(['n'.repeat(40), 'o'.repeat(32)]);
    expect(config?.limits).toMatchObject({ headers: 50, body: 1_048_576 });
    expect(config?.policyFiles.map(({ text: policy }) => policy)).toEqual([POLICY]);
    expect(watched).toEqual(
      ['sallyport.yaml', 'cookie', 'policies', 'policies/wiki.yaml'].map((name) => join(directory, name)),
    );
  });

  it('hands over policies and their tests by name, and nothing else', () => {
    const { config } = load(
      `${SMALLEST}policies: policies\n`,
      {},
      {
        'policies/b.test.yaml': 'x',
        'policies/a.yaml': POLICY.replace('wiki', 'a'),
        'policies/.hidden.yaml': 'x',
        'policies/README.md': 'x',
      },
    );
    expect(config?.policyFiles.map(({ file }) => file.split('/').at(-1))).toEqual([
      'a.yaml',
      'b.test.yaml',
      'wiki.yaml',
    ]);
  });

  it('lower-cases hosts', () => {
    expect(
      load(SMALLEST.replace('route: a', 'route: a, match: { host: "*.Example.COM" }')).config?.routes[0]?.match.host,
    ).toBe('*.example.com');
  });
});

describe('a bad configuration is never half in force', () => {
  it.each<[string, string, string[]]>([
    ['empty', '', ['1:1 file-empty', '1:1 wrong-type']],
    ['a list', '- a\n', ['1:1 wrong-type']],
    ['no version', SMALLEST.replace('version: 1\n', ''), ['1:1 missing-key']],
    ['another version', SMALLEST.replace('version: 1', 'version: 2'), ['1:10 bad-value']],
    ['no routes', 'version: 1\nroutes: []\n', ['2:9 out-of-range']],
    ['an unknown key', `${SMALLEST}lisen: { http: "127.0.0.1:80" }\n`, ['4:1 unknown-key']],
    ['a key of the prototype', `${SMALLEST}__proto__: { version: 1 }\n`, ['4:1 forbidden-key']],
    ['a duplicate key', `${SMALLEST}version: 1\n`, ['4:1 duplicate-key']],
    ['a short secret', `${SMALLEST}secrets: { cookie: "${'x'.repeat(31)}" }\n`, ['4:20 out-of-range']],
    ['a missing variable, once', `${SMALLEST}secrets: { cookie: "\${NOPE}" }\n`, ['4:20 missing-variable']],
    ['a missing file', `${SMALLEST}secrets: { cookie: "\${file:nope}" }\n`, ['4:20 missing-file']],
    ['a missing directory of policies', `${SMALLEST}policies: nowhere\n`, ['4:11 policies-missing']],
    ['an upstream with a path', SMALLEST.replace(':3000', ':3000/x'), ['3:27 bad-value']],
    ['an upstream of another scheme', SMALLEST.replace('http:', 'file:'), ['3:27 bad-value']],
  ])('%s', (_name, text, expected) => {
    const { config, told } = load(text);
    expect(told).toEqual(expected);
    expect(config).toBe(undefined);
  });

  it('refuses an empty directory of policies (security rule 14)', () => {
    const directory = directoryWith({
      'sallyport.yaml': `${SMALLEST}policies: p\n`,
      'p/a.test.yaml': 'x',
      'p/roles.yaml': 'x',
    });
    const { config, findings } = loadConfiguration(join(directory, 'sallyport.yaml'), {});
    expect(findings.map(({ code }) => code)).toEqual(['policies-missing']);
    expect(config).toBe(undefined);
  });

  it('says so when the file is missing, a directory, or not UTF-8', () => {
    const directory = directoryWith({ 'latin1.yaml': Buffer.from('version: 1 # \xfc', 'latin1') });
    const code = (name: string) =>
      loadConfiguration(join(directory, name), {}).findings.map((f) => `${f.line}:${f.column} ${f.code}`);
    expect(code('missing.yaml')).toEqual(['1:1 file-unreadable']);
    expect(code('.')).toEqual(['1:1 file-unreadable']);
    expect(code('latin1.yaml')).toEqual(['1:14 file-encoding']);
  });

  it('names what this version does not have yet, instead of calling it a mistake', () => {
    const { told, config, findings } = load(`version: 1
listen: { https: { address: "0.0.0.0:8443" } }
portal: { host: auth.example.com }
geo: { city: x.mmdb }
forward_auth: { listen: "127.0.0.1:9901" }
limits: {}
identity:
  providers:
    - { id: corp, type: oidc, issuer: "https://id.example.com", client_id: x }
    - { id: machines, type: mtls, ca: ca.pem }
routes:
  - route: a
    upstream: [http://a, http://b]
    strip_prefix: /a
    identity_headers: remote
    public: true
`);
    expect(told).toEqual(
      ['2:11', '3:1', '4:1', '5:1', '9:25', '10:29', '13:15', '14:5', '15:23'].map(
        (place) => `${place} not-available-yet`,
      ),
    );
    expect(findings[4]?.message).toBe('OpenID Connect (type oidc) is not available in this version yet.');
    expect(config).toBe(undefined);
  });

  it('tells everything at once: syntax we refuse, unfilled places, shape, and what is wrong between values', () => {
    const { told } = load(`version: 1
portal: { host: x }
limits: { headers: "\${NOPE}", body: 10 MB }
policies: nowhere
routes:
  - { route: a, upstream: "http://a", public: true, plicy: x }
  - { route: a, upstream: "http://b" }
session: { idle: 1m }
version: 1
`);
    expect(told.filter((each) => !each.startsWith('1:1 '))).toEqual([
      '2:1 not-available-yet',
      '3:20 missing-variable',
      '3:37 bad-value',
      '4:11 policies-missing',
      '6:53 unknown-key',
      '7:5 route-tie',
      '7:14 duplicate-route',
      '7:14 route-without-policy',
      '8:18 out-of-range',
      '9:1 duplicate-key',
    ]);
  });

  it('shows no secret', () => {
    const { findings } = load(
      `${SMALLEST}secrets: { cookie: "\${C}" }\nadmin: { token: "\${T}", address: "\${A}" }\n`,
      { C: 'hunter2', T: 'hunter3', A: 'hunter4' },
    );
    expect(findings.length).toBe(3);
    expect(JSON.stringify(findings)).not.toContain('hunter');
  });

  it('checks a policy set that is there against the routes', () => {
    const { findings, told } = load(
      SMALLEST.replace('public: true', 'policy: [wiki, wkii]').concat(
        'policies: policies\nlisten: { http: "127.0.0.1:0" }\nidentity: { providers: [{ id: s, type: local }] }\n',
      ),
    );
    expect(told).toEqual(['2:1 no-portal', '3:67 unknown-policy']);
    expect(findings[1]?.suggestion).toBe('Did you mean wiki?');
    expect(WARNINGS_ASIDE(findings).length).toBe(1);
  });
});
