import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';

/** The members of a JSON object in a file; undefined: it is missing, cannot be read, or is something else. */
export function readMembers(path: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

/** Writes a file (0600) by rename, so that a reader never meets half of it. `unique` keeps two writers apart. */
export async function replaceFile(path: string, text: string, unique: string): Promise<void> {
  const temporary = `${path}.${unique}`;
  try {
    await writeFile(temporary, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
