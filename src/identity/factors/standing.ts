import type { MaybePromise } from '../../core/assert-never.ts';
import type { Proof } from '../../core/decision.ts';
import type { Entry, Store } from '../../core/store.ts';
import { partitionOf, type UserId } from '../../core/subject.ts';
import { factorsName } from './keys.ts';
import { decodeFactors, type FactorRecord } from './record.ts';

/** Whether what gave a proof is still there: a factor's proof goes with the factor, any other is nobody's to take away. */
export const stands = ({ factor }: Proof, factors: readonly { readonly id: string }[]): boolean =>
  factor === undefined || factors.some(({ id }) => id === factor);

/**
 * Those of a user's proofs that still stand, by the factors as they are stored now. Looks only when one of them is of a factor;
 * synchronous where the store is. Of factors that cannot be read no proof stands: what nobody can check opens nothing.
 *
 * @throws StoreUnavailable (or rejects)
 */
export function standingProofs(
  { store }: { readonly store: Pick<Store, 'get'> },
  user: UserId,
  proofs: readonly Proof[],
): MaybePromise<readonly Proof[]> {
  if (proofs.every(({ factor }) => factor === undefined)) return proofs;
  const standing = (entry: Entry | undefined): readonly Proof[] => {
    const factors = factorsOf(entry);
    return proofs.filter((proof) => stands(proof, factors));
  };
  const found = store.get({ partition: partitionOf(user), name: factorsName(user) });
  return found instanceof Promise ? found.then(standing) : standing(found);
}

function factorsOf(entry: Entry | undefined): readonly FactorRecord[] {
  try {
    return entry === undefined ? [] : decodeFactors(entry.value);
  } catch {
    // whoever gives a code is told of it (store.ts); here it only means that there is nothing to stand on
    return [];
  }
}
