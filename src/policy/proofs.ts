import { type Elevation, levelRank, type Method, type Need, type Proof } from '../core/decision.ts';
import type { Requirement } from './syntax.ts';

/** Whether a proof still counts: it lasts as long as the elevation of its level (policy-language 3). A NaN instant never counts. */
export const isUnexpired = (proof: Proof, now: number, elevation: Elevation): boolean =>
  now < proof.at + elevation[proof.level];

/** Whether a proof is of an age that is asked for; both ends included. */
export const isYoung = (proof: Proof, now: number, maxAgeMs: number | undefined): boolean =>
  maxAgeMs === undefined || now - proof.at <= maxAgeMs;

/**
 * Whether the proofs meet a requirement: one of them has the level, the age and one of the methods, and each of `allOf`
 * has a proof of that age. Only unexpired proofs count.
 */
export function isMet(requirement: Requirement, proofs: readonly Proof[], now: number, elevation: Elevation): boolean {
  const { level, maxAgeMs, methods, allOf } = requirement;
  let met = false;
  for (const proof of proofs) {
    if (!isUnexpired(proof, now, elevation) || !isYoung(proof, now, maxAgeMs)) continue;
    if (levelRank(proof.level) < levelRank(level)) continue;
    if (methods === undefined || (proof.method !== undefined && methods.includes(proof.method))) met = true;
  }
  return met && allOf.every((method) => hasYoung(method, requirement, proofs, now, elevation));
}

const hasYoung = (
  method: Method,
  { maxAgeMs }: Requirement,
  proofs: readonly Proof[],
  now: number,
  elevation: Elevation,
): boolean =>
  proofs.some(
    (proof) => proof.method === method && isUnexpired(proof, now, elevation) && isYoung(proof, now, maxAgeMs),
  );

/**
 * One challenge for all requirements that are not met: highest level, shortest age, methods that serve them all, every
 * one of `allOf`. Undefined when no method serves them all.
 */
export function mergeNeeds(unmet: readonly Requirement[]): Need | undefined {
  let level: Need['level'] = 'none';
  let maxAgeMs: number | undefined;
  let anyOf: readonly Method[] | undefined;
  const allOf = new Set<Method>();
  for (const need of unmet) {
    if (levelRank(need.level) > levelRank(level)) level = need.level;
    if (need.maxAgeMs !== undefined) maxAgeMs = Math.min(maxAgeMs ?? Number.POSITIVE_INFINITY, need.maxAgeMs);
    const { methods } = need;
    if (methods !== undefined)
      anyOf = anyOf === undefined ? methods : anyOf.filter((method) => methods.includes(method));
    for (const method of need.allOf) allOf.add(method);
  }
  return anyOf?.length === 0 ? undefined : { level, maxAgeMs, anyOf, allOf: [...allOf] };
}
