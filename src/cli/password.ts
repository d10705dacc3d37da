import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandFailure, EXIT } from './output.ts';

/** More than any password that is taken; a pipe that never ends must not fill the memory. */
const MAX_INPUT_BYTES = 64 * 1024;

/**
 * A password from standard input (its one trailing line break is not part of it) or asked for twice on the terminal without
 * showing it. Never from the command line, where every user of the machine could read it. @throws CommandFailure
 */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return notEmpty((await readInput()).replace(/\r?\n$/, ''));
  if (!process.stdin.isTTY) {
    throw new CommandFailure(
      'there is no terminal to ask for the password on; pipe it in and say --password-stdin',
      EXIT.usage,
    );
  }
  const first = notEmpty(await ask('Password: '));
  const second = await ask('Once more: ');
  if (first !== second) throw new CommandFailure('the two passwords differ; nothing was changed');
  return first;
}

function notEmpty(password: string): string {
  if (password === '') throw new CommandFailure('the password is empty; nothing was changed');
  return password;
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_INPUT_BYTES) throw new CommandFailure('standard input is longer than any password may be');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function ask(question: string): Promise<string> {
  // readline echoes what is typed to its output; this output keeps it to itself
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  // Ctrl-C and Ctrl-D close the terminal and leave the question open for ever
  const { promise: given, resolve, reject } = Promise.withResolvers<string>();
  terminal.once('close', () => reject(new CommandFailure('no password was given; nothing was changed')));
  terminal.question('').then(resolve, reject);
  // only now: until readline took the terminal over, it would itself show what is typed
  process.stderr.write(question);
  try {
    return await given;
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
