import { ODD_DOUBLE_SLASH, ODD_ENCODED_SLASH, ODD_SEMICOLON } from '../core/facts.ts';

/** What the table needs to know of a route. */
export interface RoutePattern {
  /** exact name, `*.` + name for one label more, or undefined for any host; lower case */
  readonly host: string | undefined;
  /** decoded; `/` for everything; `:name` binds one segment */
  readonly path: string;
  /** the whole path, not a prefix on segment boundaries */
  readonly exact: boolean;
  readonly caseSensitive: boolean;
}

export type RouteMatch<R> =
  | { readonly kind: 'match'; readonly route: R; readonly params: ReadonlyMap<string, string> }
  | { readonly kind: 'none' }
  /** another reading of the path (its case, its encoded or doubled slashes, its parameters) leads elsewhere */
  | { readonly kind: 'ambiguous'; readonly detail: string };

export interface RouteTable<R> {
  match(host: string, decodedPath: string, oddities: number): RouteMatch<R>;
  /** Some route names this host, exactly or by wildcard. */
  namesHost(host: string): boolean;
  /** Some route names this host, or a route without host serves every host. */
  knowsHost(host: string): boolean;
}

const NO_PARAMS: ReadonlyMap<string, string> = new Map();
const NO_MATCH = { kind: 'none' } as const;

/**
 * Exact host beats wildcard beats none, then the longest path (interfaces, Configuration). Cost grows with the segments of
 * the path, not with the number of routes. Ties were refused when the configuration was loaded.
 */
export function routeTable<R extends RoutePattern>(routes: readonly R[]): RouteTable<R> {
  const exact = new Map<string, Trie<R>>();
  const wildcard = new Map<string, Trie<R>>();
  const any = new Trie<R>();
  for (const route of routes) trieOf(route.host).add(route);
  const capitals = routes.some((route) => route.path !== route.path.toLowerCase());
  return { match, namesHost, knowsHost };

  function trieOf(host: string | undefined): Trie<R> {
    if (host === undefined) return any;
    const [tries, key] = host.startsWith('*.') ? [wildcard, host.slice(2)] : [exact, host];
    const trie = tries.get(key) ?? new Trie<R>();
    tries.set(key, trie);
    return trie;
  }

  function wildcardOf(host: string): Trie<R> | undefined {
    const dot = host.indexOf('.');
    return dot < 0 ? undefined : wildcard.get(host.slice(dot + 1));
  }

  function knowsHost(host: string): boolean {
    return any.used || namesHost(host);
  }

  function namesHost(host: string): boolean {
    return exact.has(host) || wildcardOf(host) !== undefined;
  }

  function find(host: string, segments: readonly string[], folded: boolean): R | 'tie' | undefined {
    return (
      exact.get(host)?.find(segments, folded) ?? wildcardOf(host)?.find(segments, folded) ?? any.find(segments, folded)
    );
  }

  function match(host: string, decodedPath: string, oddities: number): RouteMatch<R> {
    const segments = segmentsOf(decodedPath);
    const route = find(host, segments, false);
    // the usual case: no capital anywhere, so that ignoring case changes nothing
    const folds = capitals || decodedPath !== decodedPath.toLowerCase();
    if (folds && route !== find(host, segments, true))
      return { kind: 'ambiguous', detail: 'the case of the path decides the route' };
    if (oddities !== 0) {
      const plain = find(host, segmentsOf(plainReading(decodedPath, oddities)), true);
      if (plain !== route) return { kind: 'ambiguous', detail: 'slashes or parameters in the path decide the route' };
    }
    if (route === undefined || route === 'tie') return NO_MATCH;
    return { kind: 'match', route, params: paramsOf(route, segments) };
  }
}

/** `/` has no segment; the first element is always the empty text before the first slash. */
const segmentsOf = (path: string): string[] => (path === '/' ? [''] : path.split('/'));

/** The path as an upstream would read it that decodes `%2F`, merges slashes and drops parameters. */
export function plainReading(path: string, oddities: number): string {
  let plain = path;
  if (oddities & ODD_ENCODED_SLASH) plain = plain.replaceAll('%2F', '/');
  if (oddities & ODD_SEMICOLON) plain = plain.replace(/;[^/]*/g, '');
  if (oddities & (ODD_DOUBLE_SLASH | ODD_ENCODED_SLASH)) plain = plain.replace(/\/{2,}/g, '/');
  return plain;
}

function paramsOf(route: RoutePattern, segments: readonly string[]): ReadonlyMap<string, string> {
  if (!route.path.includes(':')) return NO_PARAMS;
  const params = new Map<string, string>();
  route.path.split('/').forEach((part, i) => {
    if (part.startsWith(':')) params.set(part.slice(1), segments[i] as string);
  });
  return params;
}

interface Node<R> {
  readonly children: Map<string, Node<R>>;
  param: Node<R> | undefined;
  prefix: R[];
  exact: R[];
}

const emptyNode = <R>(): Node<R> => ({ children: new Map(), param: undefined, prefix: [], exact: [] });

/** Two tries over path segments: as written, and with case ignored. */
class Trie<R extends RoutePattern> {
  used = false;
  readonly #exact = emptyNode<R>();
  readonly #folded = emptyNode<R>();

  add(route: R): void {
    this.used = true;
    const parts = segmentsOf(route.path);
    insert(this.#exact, parts, route);
    insert(
      this.#folded,
      parts.map((part) => (part.startsWith(':') ? part : part.toLowerCase())),
      route,
    );
  }

  /** The route with the longest path; `tie` when case alone tells two apart and it is being ignored. */
  find(segments: readonly string[], folded: boolean): R | 'tie' | undefined {
    const parts = folded ? segments.map((segment) => segment.toLowerCase()) : segments;
    return search(folded ? this.#folded : this.#exact, parts, 1, folded ? segments : undefined)?.found;
  }
}

function insert<R extends RoutePattern>(root: Node<R>, parts: readonly string[], route: R): void {
  let node = root;
  for (const part of parts.slice(1)) {
    if (part.startsWith(':')) {
      node.param ??= emptyNode();
      node = node.param;
    } else {
      const next = node.children.get(part) ?? emptyNode<R>();
      node.children.set(part, next);
      node = next;
    }
  }
  (route.exact ? node.exact : node.prefix).push(route);
}

interface Found<R> {
  readonly found: R | 'tie';
  readonly depth: number;
}

function search<R extends RoutePattern>(
  node: Node<R>,
  parts: readonly string[],
  at: number,
  original: readonly string[] | undefined,
): Found<R> | undefined {
  if (at === parts.length) {
    const whole = pick(node.exact, original);
    if (whole !== undefined) return { found: whole, depth: at + 1 };
  } else {
    const part = parts[at] as string;
    const child = node.children.get(part);
    const byName = child && search(child, parts, at + 1, original);
    const byParam = part !== '' && node.param ? search(node.param, parts, at + 1, original) : undefined;
    const deeper = byParam && (!byName || byParam.depth > byName.depth) ? byParam : byName;
    if (deeper) return deeper;
  }
  const prefix = pick(node.prefix, original);
  return prefix === undefined ? undefined : { found: prefix, depth: at };
}

/** With case ignored, a case-sensitive route still wants its own spelling. */
function pick<R extends RoutePattern>(
  routes: readonly R[],
  original: readonly string[] | undefined,
): R | 'tie' | undefined {
  if (original === undefined) return routes[0];
  const fitting = routes.filter((route) => !route.caseSensitive || spelledAs(route, original));
  return fitting.length > 1
    ? (fitting.find((route) => spelledAs(route, original) && route.caseSensitive) ?? 'tie')
    : fitting[0];
}

function spelledAs(route: RoutePattern, segments: readonly string[]): boolean {
  return route.path === '/' || route.path.split('/').every((part, i) => part.startsWith(':') || part === segments[i]);
}
