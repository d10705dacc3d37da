import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { Subject } from '../core/subject.ts';
import { loadPolicies, type PolicyFile } from '../policy/load.ts';
import type { PolicySet } from '../policy/syntax.ts';
import { catalogue } from '../signals/index.ts';
import { checkFiles } from './check-files.ts';
import { type DescribedConfiguration, type Description, describe } from './describe.ts';
import { WrongDescription } from './described-request.ts';
import { judgeOfRoute } from './judge.ts';

/** The rules in force, as far as a description is judged by them. */
export interface RulesInForce {
  readonly config: DescribedConfiguration;
  readonly policyFiles: readonly PolicyFile[];
}

/** Policies to check. */
export interface CheckTask {
  readonly kind: 'check';
  readonly files: readonly PolicyFile[];
  /** ids of the configuration in force */
  readonly providers: readonly string[];
}

/** A request to explain. */
export interface ExplainTask {
  readonly kind: 'explain';
  readonly description: Description;
  /** who `description.as` is */
  readonly subject: Subject | undefined;
  /** wall-clock ms */
  readonly at: number;
  /** undefined: those that this thread was given last */
  readonly rules: RulesInForce | undefined;
}

/** What a task came to. */
export type Answer =
  | { readonly kind: 'json'; readonly text: string }
  /** what was described is no request; a sentence for whoever wrote it */
  | { readonly kind: 'wrong'; readonly detail: string }
  /** a bug of ours, with its trace */
  | { readonly kind: 'failed'; readonly error: string };

/** What the thread says: `begun` once all is there that a task needs, and then its answer. */
export type Said = 'begun' | Answer;

/** That of the thread that hashes passwords, for the same reason: whatever is tried out here, the proxy has the core. */
const NICE = 10;
try {
  // there 0 is the calling thread, elsewhere the whole process, which must keep its own
  if (process.platform === 'linux') setPriority(0, NICE);
} catch {
  // a sandbox that forbids it: the answers are right at any priority
}

let inForce: { readonly config: DescribedConfiguration; readonly set: PolicySet } | undefined;

const say = (said: Said): void => parentPort?.postMessage(said);

async function answerTo(task: CheckTask | ExplainTask): Promise<Answer> {
  if (task.kind === 'check') {
    say('begun');
    return json(checkFiles(task.files, { providers: task.providers }));
  }
  const { description, subject, at, rules } = task;
  if (rules !== undefined) {
    const { config, policyFiles } = rules;
    inForce = { config, set: loadPolicies(policyFiles, catalogue).set };
  }
  const known = inForce;
  if (known === undefined) throw new Error('there are no rules to judge by');
  say('begun');
  return json(
    await describe(description, {
      config: known.config,
      judge: (facts) => judgeOfRoute(known, facts),
      // asked for only when somebody is described
      subject: () => subject as Subject,
      at,
    }),
  );
}

const json = (value: object): Answer => ({ kind: 'json', text: JSON.stringify(value) });

parentPort?.on('message', async (task: CheckTask | ExplainTask) => {
  try {
    say(await answerTo(task));
  } catch (error) {
    if (error instanceof WrongDescription) say({ kind: 'wrong', detail: error.message });
    else say({ kind: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
