import { Command, CommanderError } from 'commander';
import { InvalidConfiguration } from '../core/finding.ts';
import { StoreUnavailable } from '../core/store.ts';
import { CommandFailure, complain, EXIT, findingText } from './output.ts';
import { VERSION } from './version.ts';

type Register = (program: Command, finish: (exitCode: number) => void) => void;

/** Each command is loaded when it is the one that was asked for, or when help or a suggestion needs them all. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  run: async () => (await import('./run.ts')).addRun,
  check: async () => (await import('./check.ts')).addCheck,
  explain: async () => (await import('./explain.ts')).addExplain,
  user: async () => (await import('./user.ts')).addUser,
  session: async () => (await import('./session.ts')).addSession,
  block: async () => (await import('./block.ts')).addBlock,
  schema: async () => (await import('./schema.ts')).addSchema,
  demo: async () => (await import('./demo.ts')).addDemo,
};

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
  try {
    const program = await buildProgram(argv[0], (code) => {
      exitCode = code;
    });
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error);
  }
}

/** The command of that name, or all when there is none. `finish` sets the exit code of one that ended well but found something. */
async function buildProgram(name: string | undefined, finish: (exitCode: number) => void): Promise<Command> {
  const program = new Command('sallyport')
    .description(
      'A zero-trust gateway: checks every request against policies, then forwards it with a verified identity.',
    )
    .version(VERSION)
    .addHelpText('after', HELP)
    .exitOverride();
  const names = name !== undefined && Object.hasOwn(COMMANDS, name) ? [name] : Object.keys(COMMANDS);
  for (const register of await Promise.all(names.map((each) => COMMANDS[each]?.()))) register?.(program, finish);
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
