import { generateSync } from 'otplib';
import type { Clock } from '../../src/core/ports.ts';
import type { SessionId } from '../../src/core/session.ts';
import type { UserId } from '../../src/core/subject.ts';
import { openFactors } from '../../src/identity/factors/store.ts';
import { deriveKey } from '../../src/keys/derive.ts';
import { loadRootSecrets } from '../../src/keys/root-secrets.ts';
import type { TestGateway } from './gateway.ts';

/** For changes of factors that nobody writes down. */
export const unrecorded = async (): Promise<void> => {};

const SESSION: SessionId = 'ses_00aaaaaaaaaaaaaaaaaaaaaaaaaa';

/** The code that an authenticator shows at `now`, wall-clock ms. */
export const codeAt = (secret: Uint8Array, now: number): string =>
  generateSync({ secret, epoch: Math.floor(now / 1000) });

/** Gives somebody an authenticator, as the page of their own would; the code of the current step is used up by it. */
export async function enrolTotp({ gateway, directory }: TestGateway, clock: Clock, user: UserId): Promise<Uint8Array> {
  const { store, random } = gateway.services;
  const { secrets } = loadRootSecrets({}, { dataDir: `${directory}/data`, random });
  const proofs = [{ method: 'password', level: 'none', at: clock.now() }] as const;
  // a session of a sign-in that stands: its record is not there, and stays so
  const alive = async (id: SessionId) => ({
    ...{ name: 'session/standing', version: 0 },
    session: { id, createdAt: clock.now(), proofs },
  });
  const deps = { store, clock, random, alive, drift: () => 1 };
  const factors = openFactors(
    deps,
    secrets.map((each) => deriveKey(each, 'factor/seal')),
  );
  const begun = await factors.beginTotp(user, SESSION);
  if (!begun.ok) throw new Error(`not begun: ${begun.reason}`);
  const { secret, ticket } = begun;
  const confirmed = await factors.confirmTotp(user, SESSION, { ticket, code: codeAt(secret, clock.now()) }, unrecorded);
  if (!confirmed.ok) throw new Error(`not enrolled: ${confirmed.reason}`);
  return secret;
}
