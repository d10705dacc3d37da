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
  let exitCode: number = EXIT.good;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // a reader that leaves early (`… | head`) is no error; the command still ends with what it found
    if (error.code === 'EPIPE') return;
    complain(`the output cannot be written: ${error.message}`);
    process.exit(EXIT.failure);
  });
  process.stderr.on('error', () => {});
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
    .addHelpText('after', HELP)
    .exitOverride();
  addRun(program);
  addCheck(program, finish);
  addExplain(program, finish);
  addUser(program);
  addSession(program);
  addSchema(program);
  addDemo(program);
  nameHelp(program, 'sallyport');
  return program;
}

const HELP = `
Exit codes:
  0   good
  1   an error was found, or what was asked for was refused
  2   wrong usage
  78  the configuration is not valid

Start with \`sallyport demo\`, then \`sallyport check\`. Every command explains itself with --help.
Documentation: docs/policy.md, docs/reference.md, docs/operations.md`;

/** Whoever mistypes is told where the help of exactly that command is. */
function nameHelp(command: Command, path: string): void {
  command.showHelpAfterError(`\`${path} --help\` shows how it is used.`);
  for (const sub of command.commands) nameHelp(sub, `${path} ${sub.name()}`);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.good : EXIT.usage;
  if (error instanceof CommandFailure) {
    complain(error.message);
    return error.exitCode;
  }
  if (error instanceof InvalidConfiguration) {
    for (const finding of error.findings) complain(findingText(finding, process.stderr));
    complain(error.message);
    return EXIT.configuration;
  }
  if (error instanceof StoreUnavailable) {
    complain(error.message);
    return EXIT.failure;
  }
  complain(isOfTheSystem(error) ? error.message : traceOf(error));
  return EXIT.failure;
}

/** A file or a socket said no: its message names it, and where in our code that was helps nobody. */
const isOfTheSystem = (error: unknown): error is Error =>
  error instanceof Error && 'syscall' in error && 'code' in error;

const traceOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
