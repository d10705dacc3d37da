import {
  type Elevation,
  FIXED_LEVELS,
  type Level,
  levelRank,
  type Method,
  type Need,
  type Proof,
} from '../core/decision.ts';
import { isUnexpired, isYoung } from '../policy/proofs.ts';

/** What somebody can prove, and at what level. */
export interface Provable {
  readonly method: Method | undefined;
  readonly level: Level;
}

/** What somebody proved up to an instant, wall-clock ms. */
export interface Given {
  readonly proofs: readonly Proof[];
  readonly now: number;
  readonly elevation: Elevation;
}

/**
 * Those of `able` that get somebody nearer to what is asked for, in their order: what a proof that is young enough meets is not
 * asked for again, so that several proofs can be given one after the other. Where nothing is missing (the page was opened once
 * more) all that serve. Says what to offer and decides nothing.
 */
export function helpful<T extends Provable>(need: Need, able: readonly T[], given: Given): readonly T[] {
  const open = openConditions(need, given);
  return meeting(open.length === 0 ? conditionsOf(need) : open, able);
}

/** The same, and nothing where nothing is missing. */
export const missing = <T extends Provable>(need: Need, able: readonly T[], given: Given): readonly T[] =>
  meeting(openConditions(need, given), able);

type Condition = (proof: Provable) => boolean;

const meeting = <T extends Provable>(conditions: readonly Condition[], able: readonly T[]): readonly T[] =>
  able.filter((each) => conditions.some((condition) => condition(each)));

function openConditions(need: Need, { proofs, now, elevation }: Given): readonly Condition[] {
  const young = proofs.filter((proof) => isUnexpired(proof, now, elevation) && isYoung(proof, now, need.maxAgeMs));
  return conditionsOf(need).filter((condition) => !young.some(condition));
}

/** Each can be met by one proof, all of them together are the need. */
function conditionsOf({ level, anyOf, allOf }: Need): readonly Condition[] {
  const isStrong: Condition = (proof) => levelRank(proof.level) >= levelRank(level);
  const isOneOf: Condition = ({ method }) => anyOf === undefined || (method !== undefined && anyOf.includes(method));
  // no rule asks for methods that never have its level (policy/require.ts), so two rules did: one proof for each
  const apart = anyOf?.every((method) => !isStrong({ method, level: LEVELS_OF[method] ?? level })) === true;
  return [
    ...(apart ? [isStrong, isOneOf] : [(proof: Provable) => isStrong(proof) && isOneOf(proof)]),
    ...allOf.map(
      (method): Condition =>
        (proof) =>
          proof.method === method,
    ),
  ];
}

const LEVELS_OF: Readonly<Partial<Record<Method, Level>>> = FIXED_LEVELS;
