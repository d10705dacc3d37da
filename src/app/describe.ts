import type { Configuration } from '../config/schema.ts';
import type { MaybePromise } from '../core/assert-never.ts';
import { errorRow } from '../core/errors.ts';
import type { RequestFacts } from '../core/facts.ts';
import { hasErrors, InvalidConfiguration } from '../core/finding.ts';
import type { Reading } from '../core/signal.ts';
import type { Subject } from '../core/subject.ts';
import { overlayCatalogue, parseOverlay } from '../policy/overlay.ts';
import { compileProgram } from '../policy/program.ts';
import { catalogue } from '../signals/index.ts';
import {
  type DescribedRequest,
  describedAccess,
  describedContext,
  describedFacts,
  describedHost,
  type Refused,
  type RequestConfiguration,
  WrongDescription,
} from './described-request.ts';
import { type ExplanationJson, explanationJson, type ShownRequest } from './explanation-json.ts';
import type { Judge, OwnEndpoint } from './judge.ts';

/** A request, who asks it, and what is to be different from what the gateway would find. */
export interface Description {
  readonly request: DescribedRequest;
  /** an account or a bare name; undefined: nobody */
  readonly as: string | undefined;
  /** attributes and their values, as data */
  readonly set: readonly (readonly [name: string, value: unknown])[];
  readonly absent: readonly string[];
  readonly unknown: readonly string[];
}

/** What would become of the request, as data: what `explain --json` prints and the administration API answers. */
export type Described =
  /** refused before any policy is asked */
  | {
      readonly request: { readonly method: string; readonly host: string; readonly url: string };
      readonly refused: { readonly status: number; readonly reason: string; readonly detail: string };
    }
  /** an endpoint of the gateway itself: no policy is asked */
  | { readonly request: ShownRequest; readonly own: true }
  | ExplanationJson;

/** What of a configuration a description is judged by. */
export type DescribedConfiguration = RequestConfiguration & Pick<Configuration, 'session'>;

/** Where the answer comes from. */
export interface DescribeSource {
  /** undefined: wide limits, no trusted proxies */
  readonly config: DescribedConfiguration | undefined;
  readonly judge: (facts: RequestFacts) => Judge | OwnEndpoint | Refused;
  readonly subject: (name: string) => MaybePromise<Subject>;
  /** wall-clock ms at which the request is made, unless the description sets `time.now` */
  readonly at: number;
}

/**
 * Says what would be decided for a described request and why, with the reader and the compiler that requests go through.
 * @throws WrongDescription; InvalidConfiguration when the policies have errors
 */
export async function describe(description: Description, source: DescribeSource): Promise<Described> {
  const set = replacementsOf(description);
  const { method, url } = description.request;
  const instant = set.get('time.now');
  const at = typeof instant === 'number' ? instant : source.at;
  const facts = describedFacts(description.request, source.config, at);
  const judge = facts.kind === 'refusal' ? facts : source.judge(facts);
  if (facts.kind === 'refusal' || judge.kind === 'refusal') {
    const { reason, detail } = judge as Refused;
    const host = describedHost(url, source.config);
    const { status } = errorRow(reason);
    return { request: { method, host, url }, refused: { status, reason, detail } };
  }
  if (judge.kind === 'own') return { request: { ...shownOf(facts), route: null, as: null }, own: true };
  const subject = description.as === undefined ? undefined : await source.subject(description.as);
  const { program, findings } = compileProgram(judge.set, overlayCatalogue(catalogue), judge.options);
  if (hasErrors(findings)) throw new InvalidConfiguration(findings);
  const access = describedAccess(judge.set.roles, subject, set);
  const base = describedContext(facts, judge.params, subject, access, judge.options.elevation);
  const request = { ...shownOf(facts), route: judge.route ?? null, as: subject?.user ?? null };
  return explanationJson(request, program.sensitivity, program.explain({ base, set }));
}

const shownOf = ({ method, host, path }: RequestFacts) => ({ method, host, path });

function replacementsOf({ set, absent, unknown }: Description): ReadonlyMap<string, Reading> {
  const parsed = parseOverlay(catalogue, { set, absent, unknown });
  if (parsed.problems.length === 0) return parsed.set;
  const lines = parsed.problems.map(({ message, suggestion }) =>
    suggestion === undefined ? message : `${message}\n    ${suggestion}`,
  );
  throw new WrongDescription(lines.join('\n'));
}
