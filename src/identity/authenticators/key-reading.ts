import { readFile, stat } from 'node:fs/promises';
import { Agent, request } from 'undici';

/** Largest key set that is read, bytes. */
export const MAX_KEYS_BYTES = 256 * 1024;
/** To the end of the issuer's answer, ms. */
const TIMEOUT_MS = 5000;

/** The text of a key set, and what to recognise it by; undefined when it is what `known` stands for. */
export type KeyReading = { readonly text: string; readonly stamp: string } | undefined;
/** Rejects with an Error that says what is wrong. */
export type KeyReader = (known: string | undefined) => Promise<KeyReading>;

/**
 * Reads a key set from its issuer: 200 and nothing else, no redirects (they would move trust to another host), within 5 s and
 * 256 KiB. Each reading has a connection of its own, so that a stuck one is never met again.
 */
export const readUrl =
  (url: string, timeoutMs = TIMEOUT_MS): KeyReader =>
  async () => {
    const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connect: { timeout: timeoutMs } };
    const dispatcher = new Agent({ ...limits, maxResponseSize: MAX_KEYS_BYTES });
    try {
      const { statusCode, body } = await request(url, {
        dispatcher,
        signal: AbortSignal.timeout(timeoutMs),
        headers: { accept: 'application/jwk-set+json, application/json', 'accept-encoding': 'identity' },
      });
      // a body that is given up fails with an error of its own, which is nobody's: unheard, it would end the process
      body.on('error', () => {});
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      const text = await bounded(body);
      return { text, stamp: text };
    } finally {
      await dispatcher.destroy();
    }
  };

async function bounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_KEYS_BYTES) throw new Error(`more than ${MAX_KEYS_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Reads a key set from a file, when the file is another than the one that `known` was read from. */
export const readKeyFile =
  (path: string): KeyReader =>
  async (known) => {
    const { mtimeMs, size, ino } = await stat(path);
    const stamp = `${mtimeMs}:${size}:${ino}`;
    if (stamp === known) return undefined;
    if (size > MAX_KEYS_BYTES) throw new Error(`more than ${MAX_KEYS_BYTES} bytes`);
    return { text: await readFile(path, 'utf8'), stamp };
  };
