import type { Decision } from '../core/decision.ts';
import type { Reading } from '../core/signal.ts';
import type { Access } from '../core/subject.ts';
import type { Program } from '../policy/program.ts';
import type { RequestContext } from '../signals/context.ts';

/** A remembered decision: good for requests at instants before `validUntil` (wall-clock ms). */
interface Leaf {
  readonly decision: Decision;
  readonly validUntil: number;
}
type Level = Map<Reading, Level | Leaf>;

/** Routes are told apart by object: those of another configuration are never found. */
export interface Judged {
  readonly program: Program<RequestContext>;
}

/** The identity headers of a route for one credential, and when its assertion must be signed anew. */
export interface RouteIdentity {
  readonly headers: readonly string[];
  /** Host they were made for: the assertion's issuer may be the request's own origin */
  readonly authority: string;
  readonly freshUntil: number;
}

const MAX_DECISIONS = 512;

/**
 * What the data plane remembers for one credential (or for nobody): decisions by route and by the values of exactly those
 * request attributes that the route's program reads, and identity headers by route. It belongs to one plane: routes are
 * objects of the plane, so an entry made under another configuration is never found. It goes with the credential's entry,
 * so a change of the session forgets it too (hot path, rules 1 and 2).
 */
export class Memo {
  readonly #decisions = new Map<Judged, Level | Leaf>();
  readonly identities = new Map<Judged, RouteIdentity>();
  #size = 0;

  /** The remembered decision for this request, if there is one that still holds. No allocation. */
  decision(route: Judged, context: RequestContext): Decision | undefined {
    const key = route.program.cacheKey;
    if (key === null) return undefined;
    let at = this.#decisions.get(route);
    for (let i = 0; i < key.length && at !== undefined; i++) {
      at = (at as Level).get((key[i] as (context: RequestContext) => Reading)(context));
    }
    if (at === undefined) return undefined;
    const leaf = at as Leaf;
    // a NaN instant compares false and is evaluated anew
    return context.facts.at < leaf.validUntil ? leaf.decision : undefined;
  }

  remember(route: Judged, context: RequestContext, decision: Decision): void {
    const key = route.program.cacheKey;
    if (key === null) return;
    const validUntil = route.program.validUntil(context);
    if (!(validUntil > context.facts.at)) return;
    const readings = key.map((reader) => reader(context));
    // values that are objects are equal by identity only: remembering them would only fill the memory
    if (readings.some((reading) => typeof reading === 'object')) return;
    if (this.#size >= MAX_DECISIONS) this.#forget();
    this.#size++;
    const leaf = { decision, validUntil };
    if (readings.length === 0) {
      this.#decisions.set(route, leaf);
      return;
    }
    let level = below(this.#decisions, route);
    for (const reading of readings.slice(0, -1)) level = below(level, reading);
    level.set(readings.at(-1) as Reading, leaf);
  }

  #forget(): void {
    this.#decisions.clear();
    this.#size = 0;
  }
}

/** The level under a key, made when it is not there yet. A key's depth is its program's, so no leaf is ever in the way. */
function below<K>(level: Map<K, Level | Leaf>, key: K): Level {
  const known = level.get(key) as Level | undefined;
  if (known !== undefined) return known;
  const fresh: Level = new Map();
  level.set(key, fresh);
  return fresh;
}

/** The memo of a credential under one configuration; a reload starts afresh. */
export class PlaneMemo extends Memo {
  readonly plane: object;
  /** what the plane's roles make of the credential's subject, once something asked */
  access: Access | undefined = undefined;
  constructor(plane: object) {
    super();
    this.plane = plane;
  }
}
