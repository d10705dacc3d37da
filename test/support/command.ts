import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** what it reads on standard input; not a terminal */
  readonly input?: string;
  /** beside this process's own; `undefined` takes a variable away */
  readonly env?: NodeJS.ProcessEnv;
  /** where it is started; default: the repository */
  readonly cwd?: string;
  /** another program than that of the repository */
  readonly bin?: string;
  /** the reader of its output leaves before a word is said */
  readonly deafReader?: boolean;
}

/** Halves the time that a process takes to start; keyed by the content of the sources, so it never holds an old one. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/sallyport', import.meta.url));

/** A shell that says nothing of its own about colours and configuration. */
const environment = (env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_COMPILE_CACHE: COMPILED,
  FORCE_COLOR: undefined,
  NO_COLOR: '1',
  SALLYPORT_CONFIG: undefined,
  ...env,
});

/** Runs one command line of the product, as a user would. */
export function sallyport(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [options.bin ?? BIN, ...args], {
      cwd: options.cwd ?? ROOT,
      env: environment(options.env),
    });
    if (options.deafReader === true) child.stdout.destroy();
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    // a command that does not read may be gone already
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

export interface RunningCommand {
  readonly process: ChildProcess;
  /** everything it said so far */
  output(): string;
  /** resolves with the match once its output has it; rejects when it ends before */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** resolves with the exit code */
  ended: Promise<number | null>;
}

/** Starts a command that keeps running. */
export function startSallyport(args: readonly string[], env: NodeJS.ProcessEnv = {}, bin = BIN): RunningCommand {
  const child = spawn(process.execPath, [bin, ...args], { cwd: ROOT, env: environment(env) });
  let output = '';
  let wake: () => void = () => {};
  const hear = (chunk: Buffer): void => {
    output += chunk.toString();
    wake();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  let over = false;
  const ended = new Promise<number | null>((resolve) =>
    child.on('close', (code) => {
      over = true;
      wake();
      resolve(code);
    }),
  );
  return {
    process: child,
    output: () => output,
    ended,
    says: async (pattern) => {
      for (;;) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        if (over) throw new Error(`ended without saying ${pattern}: ${output}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
