import { LEVELS, type Level, levelRank, type Proof } from '../core/decision.ts';
import type { AssertionClaims } from '../identity/assertion.ts';
import type { RouteIdentity } from './memo.ts';
import type { CompiledRoute } from './plane.ts';
import type { Transit } from './transit.ts';

/** What identity offers: header values of a subject, and a signature. Plain functions, handed over by compose. */
export interface IdentityHeaderDeps {
  /** X-Forwarded-User (`provider:sub` with `userPrefix`), -Email, -Groups, -Preferred-Username; empty values for nobody */
  readonly identityHeaders: (
    subject: Transit['subject'],
    userPrefix: boolean,
  ) => readonly (readonly [name: string, value: string])[];
  /** signs an assertion, synchronously */
  readonly sign: (claims: AssertionClaims, nowMs: number) => string;
}

export const ASSERTION_HEADER = 'X-Sallyport-Assertion';
/** An assertion lives 60 s and is signed anew at half of it, so that what arrives has 30 s left at least. */
const ASSERTION_FRESH_MS = 30_000;

/**
 * The identity headers of this request's route, as the upstream wants them named: remembered per credential and route. For
 * nobody they are there and empty, so that an upstream never takes somebody else's word for them (security rule 8).
 */
export function routeIdentity(transit: Transit, route: CompiledRoute, deps: IdentityHeaderDeps): readonly string[] {
  const now = transit.facts.at;
  const known = transit.memo.identities.get(route);
  if (known !== undefined && now < known.freshUntil && known.authority === transit.facts.authority)
    return known.headers;
  const fresh = build(transit, route, deps);
  transit.memo.identities.set(route, fresh);
  return fresh.headers;
}

function build(transit: Transit, route: CompiledRoute, deps: IdentityHeaderDeps): RouteIdentity {
  const now = transit.facts.at;
  const assertion = transit.session === undefined ? '' : deps.sign(claimsOf(transit, route), now);
  const headers: string[] = [];
  const ofSubject = deps.identityHeaders(transit.subject, route.userPrefix);
  for (const [name, value] of [...ofSubject, [ASSERTION_HEADER, assertion] as const]) {
    const wanted = route.identityNames.get(name) ?? name;
    if (wanted !== false) headers.push(wanted, value);
  }
  const freshUntil = transit.session === undefined ? Number.POSITIVE_INFINITY : freshness(transit, now);
  return { headers, authority: transit.facts.authority, freshUntil };
}

/** Half life, or the moment a proof expires: the assertion must not claim a level that is gone. */
function freshness({ session, elevation }: Transit, now: number): number {
  let until = now + ASSERTION_FRESH_MS;
  for (const proof of session?.proofs ?? []) {
    const expires = proof.at + elevation[proof.level];
    if (expires > now && expires < until) until = expires;
  }
  return until;
}

function claimsOf(transit: Transit, route: CompiledRoute): AssertionClaims {
  const { facts, plane, session, elevation } = transit;
  if (session === undefined) throw new Error('an assertion needs a session');
  const { subject } = session;
  const proofs = session.proofs.filter((proof) => facts.at < proof.at + elevation[proof.level]);
  return {
    issuer: plane.issuer ?? `${facts.scheme}://${facts.authority}`,
    audience: route.name,
    sub: subject.sub,
    provider: subject.provider,
    email: subject.email,
    groups: subject.groups,
    level: highest(proofs),
    methods: [...new Set(proofs.flatMap((proof) => proof.method ?? []))],
    sid: session.id,
  };
}

function highest(proofs: readonly Proof[]): Level {
  return LEVELS[Math.max(0, ...proofs.map((proof) => levelRank(proof.level)))] as Level;
}
