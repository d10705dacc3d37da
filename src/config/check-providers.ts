import { readFileSync, statSync } from 'node:fs';
import { isLoopback } from '../core/address.ts';
import { isUrl } from '../identity/authenticators/issuer.ts';
import { MAX_KEYS_BYTES } from '../identity/authenticators/key-reading.ts';
import { parseKeySet } from '../identity/authenticators/key-set.ts';
import type { JwtProviderOptions } from '../identity/options.ts';
import { MAX_LEEWAY_MS } from '../limits/blocks.ts';
import type { SourceDocument } from '../schema/document.ts';
import type { Reports } from './check-routes.ts';
import type { Settings } from './schema.ts';

/** What providers say against themselves or each other. Reads files of keys, since one that is missing refuses the start. */
export function checkProviders(settings: Settings, document: SourceDocument, reports: Reports): void {
  const issuers = new Map<string, number>();
  settings.identity.providers.forEach((provider, i) => {
    if (provider.type !== 'jwt') return;
    checkJwt(provider, ['identity', 'providers', i], reports);
    const before = issuers.get(provider.issuer);
    if (before === undefined) {
      issuers.set(provider.issuer, i);
      return;
    }
    const { line } = document.locate(['identity', 'providers', before, 'issuer']);
    const message = `The issuer "${provider.issuer}" is taken already, in line ${line}: whose token it is could not be told.`;
    reports.error(['identity', 'providers', i, 'issuer'], 'value', 'duplicate-issuer', message);
  });
}

function checkJwt(provider: JwtProviderOptions, path: readonly (string | number)[], { error }: Reports): void {
  const at = (key: string) => [...path, key];
  if (provider.max_age === 0) error(at('max_age'), 'value', 'out-of-range', 'max_age must be more than 0.');
  if (provider.leeway > MAX_LEEWAY_MS) {
    error(at('leeway'), 'value', 'out-of-range', 'leeway must not be longer than 5m.', 'Set the clocks right.');
  }
  const problem = isUrl(provider.jwks) ? problemOfUrl(provider.jwks) : problemOfFile(provider.jwks);
  if (problem !== undefined) error(at('jwks'), 'value', ...problem);
}

type Problem = readonly [code: string, message: string, suggestion?: string];

function problemOfUrl(text: string): Problem | undefined {
  const url = URL.parse(text);
  if (url === null) return ['bad-value', 'jwks is not an address.', 'Write https://issuer.example.com/jwks.'];
  if (url.protocol === 'https:' || isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) return undefined;
  return ['plain-http', 'Keys that come over plain HTTP could come from anybody.', 'Write https://.'];
}

function problemOfFile(file: string): Problem | undefined {
  try {
    if (statSync(file).size > MAX_KEYS_BYTES)
      return ['file-too-large', `${file} is larger than ${MAX_KEYS_BYTES} bytes.`];
    if (parseKeySet(readFileSync(file, 'utf8')).size > 0) return undefined;
    return ['bad-keys', `${file} holds no public key that tokens can be verified with.`];
  } catch (problem) {
    const code = problem instanceof Error && 'code' in problem ? String(problem.code) : undefined;
    if (code !== undefined) return ['file-unreadable', `The key set ${file} cannot be read (${code}).`];
    return ['bad-keys', `${file} is no key set (${problem instanceof Error ? problem.message : 'unknown error'}).`];
  }
}
