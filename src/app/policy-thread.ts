import { Worker } from 'node:worker_threads';
import type { Service } from '../core/ports.ts';
import type { Answer, CheckTask, ExplainTask, RulesInForce, Said } from './policy-worker.ts';

/** What trying something out came to, besides an answer: the queue was full, or it took more time or memory than it may. */
export type Tried =
  | Exclude<Answer, { readonly kind: 'failed' }>
  | { readonly kind: 'busy' }
  | { readonly kind: 'too_costly' };

/**
 * One thread of low priority in which policies and descriptions are tried out, one after the other: 64 KiB of either can take
 * seconds, which would be the event loop's. Started with the first task and anew after one was given up; never a reason for a
 * process to live on.
 */
export interface PolicyThread extends Pick<Service, 'close'> {
  /** Rejects for a bug of ours, and answers everything else. The rules of a task are sent when they are others than before. */
  run(task: Task): Promise<Tried>;
}

/** What is to be tried out; rules that are the same object are the same rules. */
export type Task = CheckTask | (Omit<ExplainTask, 'rules'> & { readonly rules: RulesInForce });

/** So that no text takes the memory of the whole process. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 512 } as const;

/**
 * Does no I/O. At most `maxQueue` tasks wait or run (default 4). `limitMs` (default 10 s) bounds a task from when it begins,
 * and the thread is ended at it; what the thread itself needs before, its modules and the rules in force, does not count.
 */
export function openPolicyThread(
  options: { readonly limitMs?: number; readonly maxQueue?: number } = {},
): PolicyThread {
  const { limitMs = 10_000, maxQueue = 4 } = options;
  let worker: Worker | undefined;
  /** the rules that this worker has */
  let sent: RulesInForce | undefined;
  let waiting:
    | { readonly resolve: (tried: Tried | Answer) => void; readonly reject: (error: Error) => void }
    | undefined;
  let timer: NodeJS.Timeout | undefined;
  let queued = 0;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  function start(): Worker {
    const started = new Worker(WORKER, { name: 'policies', resourceLimits: RESOURCE_LIMITS });
    started.unref();
    sent = undefined;
    const died = (cause?: unknown): void => {
      if (worker !== started) return;
      worker = undefined;
      if (isOutOfMemory(cause)) waiting?.resolve({ kind: 'too_costly' });
      else waiting?.reject(new Error('the thread that tries policies out ended', { cause }));
    };
    started.on('error', died).on('exit', died);
    started.on('message', (said: Said) => {
      // one that was given up may still have said something
      if (worker !== started) return;
      if (said === 'begun') timer = setTimeout(giveUp, limitMs, { kind: 'too_costly' });
      else waiting?.resolve(said);
    });
    return started;
  }

  function giveUp(tried: Tried): void {
    waiting?.resolve(tried);
    end();
  }

  function end(): void {
    void worker?.terminate();
    worker = undefined;
  }

  function post(to: Worker, task: Task): void {
    if (task.kind === 'check' || task.rules !== sent) to.postMessage(task);
    else to.postMessage({ ...task, rules: undefined } satisfies ExplainTask);
    if (task.kind === 'explain') sent = task.rules;
  }

  async function perform(task: Task): Promise<Tried> {
    if (closed) return { kind: 'busy' };
    const { promise, resolve, reject } = Promise.withResolvers<Tried | Answer>();
    waiting = { resolve, reject };
    try {
      worker ??= start();
      post(worker, task);
      const tried = await promise;
      if (tried.kind !== 'failed') return tried;
      // in what state the thread is then nobody knows
      end();
      throw new Error(`something could not be tried out: ${tried.error}`);
    } finally {
      waiting = undefined;
      clearTimeout(timer);
    }
  }

  return {
    async run(task) {
      if (queued >= maxQueue) return { kind: 'busy' };
      queued++;
      const result = last.then(() => perform(task)).finally(() => queued--);
      // a task that failed is its caller's error, not that of whoever comes next
      last = result.catch(() => undefined);
      return result;
    },
    async close() {
      closed = true;
      giveUp({ kind: 'busy' });
    },
  };
}

const isOutOfMemory = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY';

const WORKER = new URL(import.meta.url.endsWith('.ts') ? './policy-worker.ts' : './policy-worker.js', import.meta.url);
