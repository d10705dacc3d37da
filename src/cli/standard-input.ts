import { CommandFailure } from './output.ts';

/** More than any password or token that is taken; a pipe that never ends must not fill the memory. */
const MAX_INPUT_BYTES = 64 * 1024;

/** All of standard input, as UTF-8. @throws CommandFailure 1 when it is longer than 64 KiB */
export async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_INPUT_BYTES) throw new CommandFailure('standard input is longer than 64 KiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
