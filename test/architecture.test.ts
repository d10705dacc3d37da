import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The folders of src and their levels: a folder imports only lower levels, never a sibling of its own level. */
const LEVELS: Readonly<Record<string, number>> = {
  core: 0,
  schema: 1,
  ...level(2, 'stores pages wire telemetry policy'),
  ...level(3, 'signals identity sessions keys limits profiles response audit'),
  ...level(4, 'proxy portal admin'),
  config: 5,
  app: 6,
  cli: 7,
};
/** `src/main.ts` alone stands above them all. */
const TOP = 8;

/** Folders that may lie one deeper. */
const DEEPER = new Set([
  'identity/authenticators',
  'identity/providers',
  'identity/factors',
  'response/actions',
  'response/channels',
  'audit/sinks',
]);

/** Pure tables: they may be as long as what they list. */
const TABLES = new Set(['pages/messages-en.ts']);

/** The only files that may ask the machine for the time or for randomness: they implement the ports. */
const PORTS = new Set(['app/clock.ts', 'app/random.ts']);

const MAX_LINES = 400;
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/;
const EMPTY_WORDS = /^(?:utils?|helpers?|commons?|managers?|misc)$/;
const ASKS_THE_MACHINE =
  /\bDate\.now\b|\bMath\.random\b|\bnew Date(?:\(\s*\)|(?!\s*\())|(?<!new |[.\w])Date\(|\bperformance\.(?:now|timeOrigin)\b|\bhrtime\b|\brandom(?:Bytes|UUID|Int|Fill|FillSync)\b|\bgetRandomValues\b/;

function level(number: number, folders: string): Record<string, number> {
  return Object.fromEntries(folders.split(' ').map((folder) => [folder, number]));
}

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');

interface SourceFile {
  /** below src/, with slashes */
  readonly path: string;
  readonly lines: number;
  /** without comments */
  readonly code: string;
  readonly imports: readonly string[];
}

/** Takes comments out; strings stay, since they may hold `//`. */
const withoutComments = (text: string): string =>
  text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, string: string | undefined) => string ?? '',
  );

/** Everything that a file imports: static, re-exported, type-only, in a type, dynamic. */
const importsOf = (code: string): string[] =>
  [
    ...code.matchAll(/^\s*(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/gm),
    ...code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm),
    ...code.matchAll(/\bimport\s*\(\s*['"]([^'"]+)['"]/g),
  ].map((match) => match[1] as string);

const files: readonly SourceFile[] = globSync('**/*.ts', { cwd: src })
  .sort()
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8');
    const code = withoutComments(text);
    return {
      path: path.replaceAll('\\', '/'),
      lines: text.trimEnd().split('\n').length,
      code,
      imports: importsOf(code),
    };
  });

const isOwn = (specifier: string): boolean => specifier.startsWith('.');
const resolve = (file: SourceFile, specifier: string): string =>
  relative(src, join(src, dirname(file.path), specifier)).replaceAll('\\', '/');
const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');
const levelOf = (path: string): number => (path === 'main.ts' ? TOP : (LEVELS[folderOf(path)] ?? Number.NaN));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
};
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** One line for every edge of the import graph that `wrong` finds fault with. */
const edges = (wrong: (file: SourceFile, specifier: string) => boolean): string[] =>
  files.flatMap((file) =>
    file.imports.filter((specifier) => wrong(file, specifier)).map((specifier) => `${file.path} imports ${specifier}`),
  );
const paths = (wrong: (file: SourceFile) => boolean): string[] => files.filter(wrong).map((file) => file.path);

describe('imports', () => {
  it('own files are named with their ending, exist and lie in src', () => {
    const wrong = (file: SourceFile, specifier: string): boolean => {
      const path = resolve(file, specifier);
      return !specifier.endsWith('.ts') || path.startsWith('..') || !existsSync(join(src, path));
    };
    expect(edges((file, specifier) => isOwn(specifier) && wrong(file, specifier))).toEqual([]);
  });

  it('go down the levels only, and never to a sibling', () => {
    const wrong = (file: SourceFile, specifier: string): boolean => {
      const path = resolve(file, specifier);
      // written so that an unknown folder (NaN) fails it
      return folderOf(path) !== folderOf(file.path) && !(levelOf(path) < levelOf(file.path));
    };
    expect(edges((file, specifier) => isOwn(specifier) && wrong(file, specifier))).toEqual([]);
  });

  it('have no cycles', () => {
    expect(firstCycle(new Map(files.map((file) => [file.path, file])))).toBeUndefined();
  });

  it('of packages are of those that ship, and Node’s own are called node:', () => {
    expect(
      edges(
        (_, specifier) =>
          !isOwn(specifier) &&
          !specifier.startsWith('node:') &&
          !Object.hasOwn(manifest.dependencies, packageOf(specifier)),
      ),
    ).toEqual([]);
  });
});

/** A path of imports that comes back to where it began, if there is one. */
function firstCycle(byPath: ReadonlyMap<string, SourceFile>): string | undefined {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): string | undefined => {
    const at = trail.indexOf(path);
    if (at >= 0) return [...trail.slice(at), path].join(' → ');
    const file = byPath.get(path);
    if (file === undefined || done.has(path)) return undefined;
    trail.push(path);
    for (const specifier of file.imports.filter(isOwn)) {
      const cycle = visit(resolve(file, specifier));
      if (cycle !== undefined) return cycle;
    }
    trail.pop();
    done.add(path);
    return undefined;
  };
  for (const path of byPath.keys()) {
    const cycle = visit(path);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe('files', () => {
  it('lie in a folder of the house, at depth two', () => {
    const wrong = ({ path }: SourceFile): boolean => {
      const parts = path.split('/');
      if (parts.length === 1) return path !== 'main.ts';
      if (!Object.hasOwn(LEVELS, parts[0] as string)) return true;
      return parts.length > 2 && !(parts.length === 3 && DEEPER.has(`${parts[0]}/${parts[1]}`));
    };
    expect(paths(wrong)).toEqual([]);
  });

  it('are named in kebab-case, after what they hold', () => {
    const wrong = ({ path }: SourceFile): boolean => {
      const parts = path.split('/');
      return !KEBAB.test(parts.at(-1) as string) || parts.some((part) => EMPTY_WORDS.test(part.replace(/\.ts$/, '')));
    };
    expect(paths(wrong)).toEqual([]);
  });

  it(`have at most ${MAX_LINES} lines, unless they are a table`, () => {
    const long = files.filter((file) => file.lines > MAX_LINES && !TABLES.has(file.path));
    expect(long.map((file) => `${file.path}: ${file.lines}`)).toEqual([]);
  });

  it('export by name', () => {
    expect(paths(({ code }) => /^\s*export\s+default\b|\bas\s+default\b/m.test(code))).toEqual([]);
  });

  it('get time and randomness through the ports', () => {
    expect(paths(({ path, code }) => !PORTS.has(path) && ASKS_THE_MACHINE.test(code))).toEqual([]);
  });
});

describe('the suite', () => {
  it('leaves no test out', () => {
    const tests = globSync('**/*.test.ts', { cwd: join(root, 'test') });
    const left = /\b(?:it|test|describe)(?:\.\w+)*\.(?:skip|only|todo|fails)\b/;
    expect(tests.filter((path) => left.test(withoutComments(readFileSync(join(root, 'test', path), 'utf8'))))).toEqual(
      [],
    );
  });

  it('has every test that docs/threat-model.md names', () => {
    const page = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');
    const named = [...page.matchAll(/`(test\/[^`]+\.test\.ts)`/g)].map((match) => match[1] as string);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  it('every runtime dependency is justified in docs/dependencies.md, and nothing else is', () => {
    const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    const justified = [...page.matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]);
    expect(justified.sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });
});

describe('the reading of imports behind all this', () => {
  it.each([
    ["import { a } from './a.ts';", ['./a.ts']],
    ["import type { A } from './a.ts';", ['./a.ts']],
    ["import {\n  a,\n  type B,\n} from './a.ts';", ['./a.ts']],
    ["export * from './a.ts';\nexport { b } from './b.ts';", ['./a.ts', './b.ts']],
    ["import './a.ts';", ['./a.ts']],
    ["const a = await import('./a.ts');", ['./a.ts']],
    ["type A = import('./a.ts').A;", ['./a.ts']],
    ["// import { a } from './a.ts';", []],
    ["/** import { a } from './a.ts'; */", []],
    ["const text = 'from http://x';\nimport a from 'pkg';", ['pkg']],
  ])('%j', (text, expected) => {
    expect(importsOf(withoutComments(text))).toEqual(expected);
  });

  it.each(['Date.now()', 'new Date()', 'new Date', 'Date()', 'Math.random()', 'performance.now()', 'randomUUID()'])(
    '%s asks the machine',
    (code) => {
      expect(ASKS_THE_MACHINE.test(`x = ${code};`)).toBe(true);
    },
  );

  it.each(['new Date(at)', 'parseDate()', 'Date.UTC(2026, 1)', 'clock.now()', 'random.bytes(32)', 'validDate(x)'])(
    '%s does not',
    (code) => {
      expect(ASKS_THE_MACHINE.test(`x = ${code};`)).toBe(false);
    },
  );
});
