import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line of the product, as a user would. */
export function sallyport(
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
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
export function startSallyport(args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningCommand {
  const child = spawn(process.execPath, [BIN, ...args], { cwd: ROOT, env: { ...process.env, NO_COLOR: '1', ...env } });
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
