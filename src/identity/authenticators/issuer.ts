import type { Clock, Log } from '../../core/ports.ts';
import { readKeyFile, readUrl } from './key-reading.ts';
import type { Algorithm } from './key-set.ts';
import { type KeySource, openKeySource } from './key-source.ts';
import type { AcrLevels } from './proof.ts';

/** A provider of type `jwt`, as configured. Durations are ms. */
export interface IssuerOptions {
  /** id of the provider */
  readonly provider: string;
  /** `iss`, compared byte for byte; of two providers never the same */
  readonly issuer: string;
  /** URL of the key set, or absolute path of a file that holds it */
  readonly jwks: string;
  /** one of them must be in `aud` */
  readonly audience: readonly string[];
  readonly algorithms: readonly Algorithm[];
  /** oldest `iat` that is accepted */
  readonly maxAgeMs: number;
  /** how far the issuer's clock may be off */
  readonly leewayMs: number;
  readonly groupsClaim: string;
  readonly rolesClaim: string | undefined;
  /** what its `acr` are worth */
  readonly acrLevels: AcrLevels;
}

/** An issuer whose tokens are accepted, and its keys. */
export interface Issuer {
  readonly options: IssuerOptions;
  readonly keys: KeySource;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const KEEP_MS = 24 * 60 * MINUTE;
/** An issuer is asked every ten minutes, and at most once in 30 s because of a key that is not known. */
const URL_PACE = { refreshMs: 10 * MINUTE, missMs: 30 * SECOND, keepMs: KEEP_MS };
/** A file is looked at once a second, which costs next to nothing, and read when it is another. */
const FILE_PACE = { refreshMs: SECOND, missMs: SECOND, keepMs: KEEP_MS };

export const isUrl = (jwks: string): boolean => /^https?:\/\//i.test(jwks);

export function openIssuer(deps: { readonly clock: Clock; readonly log: Log }, options: IssuerOptions): Issuer {
  const source = isUrl(options.jwks)
    ? { read: readUrl(options.jwks), ...URL_PACE }
    : { read: readKeyFile(options.jwks), ...FILE_PACE };
  return { options, keys: openKeySource(deps, { provider: options.provider, ...source }) };
}
