import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ODD_DOUBLE_SLASH, ODD_ENCODED_SLASH, ODD_SEMICOLON } from '../../src/core/facts.ts';
import { type RoutePattern, routeTable } from '../../src/proxy/route-table.ts';

const route = (name: string, host: string | undefined, path = '/', more: Partial<RoutePattern> = {}) => ({
  name,
  host,
  path,
  exact: false,
  caseSensitive: false,
  ...more,
});

const table = routeTable([
  route('any', undefined),
  route('any-status', undefined, '/status', { exact: true }),
  route('wiki', 'wiki.example'),
  route('wiki-docs', 'wiki.example', '/docs'),
  route('wiki-user', 'wiki.example', '/docs/:user/notes'),
  route('wiki-ann', 'wiki.example', '/docs/ann'),
  route('wild', '*.example', '/x'),
  route('Admin', 'case.example', '/Admin'),
  route('case-root', 'case.example'),
  route('strict', 'strict.example', '/Admin', { caseSensitive: true }),
  route('strict-root', 'strict.example'),
]);

function found(host: string, path: string, oddities = 0): string {
  const match = table.match(host, path, oddities);
  if (match.kind !== 'match') return match.kind;
  const params = [...match.params].map(([name, value]) => ` ${name}=${value}`).join('');
  return match.route.name + params;
}

describe('exact host beats wildcard beats none, then the longest path', () => {
  it.each([
    ['wiki.example', '/', 'wiki'],
    ['wiki.example', '/docs', 'wiki-docs'],
    ['wiki.example', '/docs/', 'wiki-docs'],
    ['wiki.example', '/docsx', 'wiki'],
    ['wiki.example', '/docs/bob/notes/1', 'wiki-user user=bob'],
    ['wiki.example', '/docs/ann', 'wiki-ann'],
    ['wiki.example', '/docs/ann/notes', 'wiki-user user=ann'],
    ['wiki.example', '/docs//notes', 'wiki-docs'],
    ['other.example', '/x/y', 'wild'],
    ['other.example', '/y', 'any'],
    ['a.b.example', '/x', 'any'],
    ['example', '/x', 'any'],
    ['nowhere', '/status', 'any-status'],
    ['nowhere', '/status/', 'any'],
  ])('%s%s → %s', (host, path, expected) => {
    expect(found(host, path)).toBe(expected);
  });

  it.each([
    ['case.example', '/admin', 0, 'ambiguous'],
    ['case.example', '/ADMIN/x', 0, 'ambiguous'],
    ['case.example', '/Admin', 0, 'Admin'],
    ['case.example', '/other', 0, 'case-root'],
    ['strict.example', '/admin', 0, 'strict-root'],
    ['strict.example', '/Admin', 0, 'strict'],
    ['wiki.example', '//docs', ODD_DOUBLE_SLASH, 'ambiguous'],
    ['wiki.example', '/x//docs', ODD_DOUBLE_SLASH, 'wiki'],
    ['wiki.example', '/docs%2Fbob', ODD_ENCODED_SLASH, 'ambiguous'],
    ['wiki.example', '/x/docs%2Fbob', ODD_ENCODED_SLASH, 'wiki'],
    ['wiki.example', '/docs;x', ODD_SEMICOLON, 'ambiguous'],
  ])('%s%s: no other reading of the path may lead elsewhere → %4$s', (host, path, oddities, expected) => {
    expect(found(host, path, oddities)).toBe(expected);
  });
});

it('agrees with a search through all routes', () => {
  const word = fc.constantFrom('a', 'b', 'c');
  const pattern = fc.array(fc.oneof(word, fc.constant(':p')), { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(
      fc.uniqueArray(pattern, { minLength: 1, maxLength: 6, selector: (path) => path.replaceAll(':p', '*') }),
      fc.array(word, { maxLength: 4 }),
      (paths, words) => {
        const routes = paths.map((path) => route(path, undefined, path));
        const path = `/${words.join('/')}`;
        const match = routeTable(routes).match('h', path, 0);
        const fitting = routes.filter((r) => fits(r.path, words));
        if (match.kind === 'none') expect(fitting).toEqual([]);
        else {
          expect(match.kind).toBe('match');
          const longest = Math.max(...fitting.map((r) => depth(r.path)));
          expect(match.kind === 'match' && depth(match.route.path)).toBe(longest);
        }
      },
    ),
  );
});

const partsOf = (path: string) => path.split('/').filter((part) => part !== '');
const depth = (path: string) => partsOf(path).length;
const fits = (pattern: string, words: readonly string[]) =>
  partsOf(pattern).every((part, i) => (part.startsWith(':') ? words[i] !== undefined : words[i] === part));
