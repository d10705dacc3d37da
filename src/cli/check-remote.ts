import { basename } from 'node:path';
import type { CheckReport } from '../app/check-files.ts';
import type { PolicyFile } from '../policy/load.ts';
import type { Remote } from './remote.ts';
import { compileAnswer } from './remote-answer.ts';

/**
 * What the gateway there finds in policies, with its attributes and its providers. Files go by their names alone; what comes
 * back is about the paths that they have here.
 * @throws CommandFailure 1 when it cannot be asked, or refuses
 */
export async function checkThere(
  remote: Remote,
  files: readonly PolicyFile[],
): Promise<Pick<CheckReport, 'findings' | 'tests'>> {
  const paths = new Map(files.map(({ file }) => [basename(file), file]));
  const sent = files.map(({ file, text }) => ({ file: basename(file), text }));
  const answer = await remote.ask('POST', '/policies/check', { files: sent });
  const check = compileAnswer('CheckReport');
  check(answer);
  const { findings, tests } = answer as CheckReport;
  const placed = <Item extends { readonly file: string }>(item: Item): Item => ({
    ...item,
    file: paths.get(item.file) ?? item.file,
  });
  return { findings: findings.map(placed), tests: tests.map(placed) };
}
