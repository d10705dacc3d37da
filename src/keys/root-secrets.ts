import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../core/ports.ts';

/** The ring of root secrets: the first is used, all are read. */
export interface RootSecrets {
  /** at least one, each at least 32 bytes */
  readonly secrets: readonly Uint8Array[];
  /** one was made and written just now: say so, it belongs in the backup */
  readonly created: boolean;
}

export const MIN_SECRET_BYTES = 32;

/**
 * The configured root secrets; without any, the one in `dataDir/secret`, which is made (0600) when it is not there. Of two
 * processes that start at once both get the same: the file appears whole or not at all, and the first one stays. `dataDir` is
 * undefined where the store is shared by several machines: a secret that one of them makes is unknown to the others.
 *
 * @throws Error when there is none and none can be made, when a secret is shorter than 32 bytes or the file cannot be read: never a weak key, never a new one over an
 *   old one (security 14)
 */
export function loadRootSecrets(
  options: { readonly cookie?: string | readonly string[] | undefined },
  deps: { readonly dataDir: string | undefined; readonly random: Random },
): RootSecrets {
  const configured = typeof options.cookie === 'string' ? [options.cookie] : (options.cookie ?? []);
  if (configured.length > 0) {
    return { secrets: configured.map((text, index) => secretOf(text, `secrets.cookie[${index}]`)), created: false };
  }
  const { dataDir, random } = deps;
  if (dataDir === undefined) throw new Error(NEEDED);
  const file = join(dataDir, 'secret');
  const before = read(file);
  if (before !== undefined) return { secrets: [secretOf(before, file)], created: false };
  const created = make(file, { dataDir, random });
  return { secrets: [secretOf(read(file) ?? '', file)], created };
}

const NEEDED =
  'a store on Redis needs `secrets.cookie` in the configuration: at least 32 random characters, the same for every gateway, from the environment or a file';

/** The text's own bytes are the secret, so what is in the file can be moved into the configuration as it stands. */
function secretOf(text: string, where: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text.trim(), 'utf8'));
  if (bytes.length < MIN_SECRET_BYTES) {
    throw new Error(`${where}: a root secret needs at least ${MIN_SECRET_BYTES} bytes, this one has ${bytes.length}`);
  }
  return bytes;
}

function read(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    // it may have come back from a backup with other rights
    chmodSync(file, 0o600);
    return text;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw new Error(`the root secret in ${file} cannot be read`, { cause: error });
  }
}

/** Written under another name and then linked: `link` fails when the name is taken, and nobody ever reads half a secret. */
function make(file: string, { dataDir, random }: { readonly dataDir: string; readonly random: Random }): boolean {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${random.id()}`;
  const text = `${Buffer.from(random.bytes(MIN_SECRET_BYTES)).toString('base64url')}\n`;
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(temporary, file);
    syncDirectory(dataDir);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw new Error(`the root secret cannot be written to ${file}`, { cause: error });
  } finally {
    rmSync(temporary, { force: true });
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
