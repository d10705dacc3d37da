import type { SessionId } from '../../core/session.ts';
import type { Json } from '../../core/store.ts';

/** Public name of a factor, `fac_…`: not a secret (interfaces, "Who is who"). */
export type FactorId = `fac_${string}`;

interface Enrolled {
  readonly id: FactorId;
  /** wall-clock ms */
  readonly createdAt: number;
  /** the session that enrolled it */
  readonly createdBy: SessionId;
  /** wall-clock ms; undefined: never */
  readonly usedAt: number | undefined;
  /** seal.ts: what the app and we both know, or the key under which the backup codes are kept; empty where there are none */
  readonly secret: string;
}

export interface TotpRecord extends Enrolled {
  readonly method: 'totp';
  /** time step of the last code that was accepted; only later ones are */
  readonly lastStep: number;
}

export interface BackupCodesRecord extends Enrolled {
  readonly method: 'backup_code';
  /** backup-codes.ts; `used` is wall-clock ms, 0: not yet */
  readonly codes: readonly { readonly hash: string; readonly used: number }[];
}

export type FactorRecord = TotpRecord | BackupCodesRecord;

export const encodeFactors = (factors: readonly FactorRecord[]): Json => ({
  v: 1,
  factors: factors.map(({ usedAt, ...rest }) => ({ ...rest, usedAt: usedAt ?? null }) as unknown as Json),
});

/**
 * Copies a stored list member by member (security rule 26).
 * @throws Error when anything of it cannot be read: who has factors that we cannot read must not count as having none
 */
export function decodeFactors(value: Json): readonly FactorRecord[] {
  const record = fieldsOf(value);
  if (record?.v !== 1 || !Array.isArray(record.factors)) throw unreadable();
  return (record.factors as readonly Json[]).map(decodeFactor);
}

function decodeFactor(value: Json): FactorRecord {
  const { id, createdAt, createdBy, usedAt, method, secret, lastStep, codes } = fieldsOf(value) ?? {};
  if (typeof id !== 'string' || !id.startsWith('fac_') || typeof createdBy !== 'string' || !isNumber(createdAt))
    throw unreadable();
  if (usedAt !== null && !isNumber(usedAt)) throw unreadable();
  const enrolled: Omit<Enrolled, 'secret'> = {
    id: id as FactorId,
    createdAt,
    createdBy: createdBy as SessionId,
    usedAt: usedAt ?? undefined,
  };
  // sets had no key of their own once: such codes cannot be checked any more, and the other factors need not go with them
  if (method === 'backup_code' && Array.isArray(codes) && secret === undefined)
    return { ...enrolled, method, secret: '', codes: [] };
  if (typeof secret !== 'string') throw unreadable();
  if (method === 'totp' && isNumber(lastStep)) return { ...enrolled, method, secret, lastStep };
  if (method === 'backup_code' && Array.isArray(codes))
    return { ...enrolled, method, secret, codes: (codes as readonly Json[]).map(decodeCode) };
  throw unreadable();
}

function decodeCode(value: Json): BackupCodesRecord['codes'][number] {
  const { hash, used } = fieldsOf(value) ?? {};
  if (typeof hash !== 'string' || !isNumber(used)) throw unreadable();
  return { hash, used };
}

const unreadable = (): Error => new Error('stored factors are unreadable');
const isNumber = (value: Json | undefined): value is number => Number.isFinite(value);

function fieldsOf(value: Json): Readonly<Record<string, Json | undefined>> | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return Object.assign(Object.create(null) as Record<string, Json>, value);
}
