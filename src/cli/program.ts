import { Command, CommanderError } from 'commander';
import { InvalidConfiguration } from '../core/finding.ts';
import { StoreUnavailable } from '../core/store.ts';
import { addCheck } from './check.ts';
import { addDemo } from './demo.ts';
import { addExplain } from './explain.ts';
import { CommandFailure, complain, EXIT, findingText } from './output.ts';
import { addRun } from './run.ts';
import { addSchema } from './schema.ts';
import { addSession } from './session.ts';
import { addUser } from './user.ts';
import { VERSION } from './version.ts';

/** Runs one command line; resolves to the exit code: 0 good, 1 an error found or a refusal, 2 wrong usage, 78 configuration. */
export async function runCli(argv: readonly string[]): Promise<number> {
  // a reader that leaves early (`… | head`) is no error of ours
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.good);
    throw error;
  });
  let exitCode: number = EXIT.good;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error);
  }
}

/** All commands. `finish` sets the exit code of one that ended well but found something. */
export function buildProgram(finish: (exitCode: number) => void): Command {
  const program = new Command('sallyport')
    .description(
      'A zero-trust gateway: checks every request against policies, then forwards it with a verified identity.',
    )
    .version(VERSION)
    .showHelpAfterError('(run with --help for all options)')
    .exitOverride();
  addRun(program);
  addCheck(program, finish);
  addExplain(program);
  addUser(program);
  addSession(program);
  addSchema(program);
  addDemo(program);
  return program;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.good : EXIT.usage;
  if (error instanceof CommandFailure) {
    complain(error.message);
    return error.exitCode;
  }
  if (error instanceof InvalidConfiguration) {
    for (const finding of error.findings) complain(findingText(finding));
    complain(error.message);
    return EXIT.configuration;
  }
  if (error instanceof StoreUnavailable) {
    complain(`the store does not answer: ${error.message}`);
    return EXIT.failure;
  }
  complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failure;
}
