import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';

export interface SigningPair {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** public half, as an issuer publishes it */
  readonly jwk: JWK;
}

export async function signingPair(alg: string, kid: string): Promise<SigningPair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export interface KeyServer {
  readonly url: string;
  /** how often it was asked */
  readonly asked: number;
  /** what it publishes from now on */
  publish(keys: readonly object[]): void;
  /** answers otherwise from now on; undefined: as an issuer should */
  misbehave(answer: ((response: ServerResponse) => void) | undefined): void;
  close(): Promise<void>;
}

/** A real server of a key set. */
export async function openKeyServer(keys: readonly object[]): Promise<KeyServer> {
  let published = keys;
  let odd: ((response: ServerResponse) => void) | undefined;
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    if (odd !== undefined) return odd(response);
    response.setHeader('Content-Type', 'application/jwk-set+json');
    response.end(JSON.stringify({ keys: published }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    get asked() {
      return asked;
    },
    publish(next) {
      published = next;
    },
    misbehave(answer) {
      odd = answer;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value), 'utf8').toString('base64url');

/** Signs exactly these two texts, whatever they are: a library would refuse most of what an attacker writes. */
export async function signRaw(pair: SigningPair, header: unknown, payload: unknown): Promise<string> {
  const input = `${part(header)}.${part(payload)}`;
  const signature = await crypto.subtle.sign(
    ALGORITHMS[pair.alg] ?? { name: pair.alg },
    pair.privateKey,
    Buffer.from(input, 'latin1'),
  );
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

const ALGORITHMS: Readonly<Record<string, { name: string; hash?: string; saltLength?: number }>> = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  ES384: { name: 'ECDSA', hash: 'SHA-384' },
  EdDSA: { name: 'Ed25519' },
  RS256: { name: 'RSASSA-PKCS1-v1_5' },
  PS256: { name: 'RSA-PSS', saltLength: 32 },
};
