import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CommandFailure, EXIT } from './output.ts';

/**
 * A password from standard input (its one trailing line break is not part of it) or asked for twice on the terminal without
 * showing it. Never from the command line, where every user of the machine could read it.
 */
export async function readPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return (await text(process.stdin)).replace(/\r?\n$/, '');
  if (!process.stdin.isTTY)
    throw new CommandFailure('no terminal to ask for a password on; use --password-stdin', EXIT.usage);
  const first = await ask('Password: ');
  const second = await ask('Once more: ');
  if (first !== second) throw new CommandFailure('the two passwords differ; nothing was changed');
  return first;
}

async function ask(question: string): Promise<string> {
  process.stderr.write(question);
  // readline echoes what is typed to its output; this output keeps it to itself
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
