import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandFailure, EXIT } from './output.ts';
import { readStandardInput } from './standard-input.ts';

/**
 * A password from standard input (its one trailing line break is not part of it) or asked for twice on the terminal without
 * showing it. Never from the command line, where every user of the machine could read it. @throws CommandFailure
 */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return notEmpty((await readStandardInput()).replace(/\r?\n$/, ''));
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
