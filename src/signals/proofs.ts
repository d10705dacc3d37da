import { LEVELS, type Level, levelRank, METHODS, type Proof } from '../core/decision.ts';
import type { RequestContext } from './context.ts';

const NO_PROOFS: readonly Proof[] = [];

/** Every proof of the session, or of the token where there is no session; expired ones included. */
export const proofsOf = (context: RequestContext): readonly Proof[] =>
  context.session?.proofs ?? context.proofs ?? NO_PROOFS;

/** Whether a proof counts at the request's instant: until `at` plus the elevation of its level, that instant excluded. */
const counts = (proof: Proof, context: RequestContext): boolean =>
  context.facts.at - proof.at < context.elevation[proof.level];

/** The highest level that a counting proof has; `none` when there is no proof at all (policy-language 3). */
export function assurance(context: RequestContext): Level {
  let highest = 0;
  for (const proof of proofsOf(context)) {
    const rank = levelRank(proof.level);
    if (rank > highest && counts(proof, context)) highest = rank;
  }
  return LEVELS[highest] as Level;
}

/** When the youngest counting proof at that highest level was given, wall-clock ms; NaN when there is none. */
export function provedAt(context: RequestContext): number {
  const level = assurance(context);
  let youngest = Number.NaN;
  for (const proof of proofsOf(context)) {
    if (proof.level === level && counts(proof, context) && !(proof.at <= youngest)) youngest = proof.at;
  }
  return youngest;
}

/** Methods of the counting proofs, each once, in the order of METHODS. */
export function methods(context: RequestContext): readonly string[] {
  let set = 0;
  for (const proof of proofsOf(context)) {
    if (proof.method !== undefined && counts(proof, context)) set |= 1 << METHODS.indexOf(proof.method);
  }
  return listOf(set);
}

// at most 2^9 lists, in practice a handful: a request makes none
const lists: (readonly string[] | undefined)[] = [];
const listOf = (set: number): readonly string[] => {
  lists[set] ??= Object.freeze(METHODS.filter((_, at) => set & (1 << at)));
  return lists[set];
};
