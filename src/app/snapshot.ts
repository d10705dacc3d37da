import { loadConfiguration } from '../config/load.ts';
import type { Configuration } from '../config/schema.ts';
import { type Finding, hasErrors, inOrder } from '../core/finding.ts';
import { loadPolicies, type PolicyFile } from '../policy/load.ts';
import { NO_ROLES } from '../policy/roles.ts';
import type { PolicySet } from '../policy/syntax.ts';
import type { CompiledRoute, DataPlane } from '../proxy/plane.ts';
import { catalogue } from '../signals/index.ts';
import { buildPlane, type CompiledPrograms, compilePrograms, type PlaneDeps } from './plane.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration with its policies, read, checked and compiled; not connected with anything yet. */
export interface Loaded {
  readonly config: Configuration;
  /** what `set` was read from */
  readonly policyFiles: readonly PolicyFile[];
  readonly set: PolicySet;
  readonly compiled: CompiledPrograms;
}

/** Everything a configuration gives, built whole; swapped in by one reference. */
export interface Snapshot extends Loaded {
  readonly plane: DataPlane;
  readonly routes: readonly CompiledRoute[];
}

export interface Built<T> {
  /** undefined when there are errors among the findings */
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
  /** files and directories whose change calls for another load */
  readonly watched: readonly string[];
}

/**
 * Reads configuration and policies; all problems of all files at once. `set` holds the policies that are good in themselves,
 * whatever else is wrong.
 */
export function load(file: string, env: Environment): Built<Loaded> & { readonly set: PolicySet } {
  const { config, draft, policyFiles, unreadPolicies, findings, watched } = loadConfiguration(file, env);
  // of a draft a provider may be missing that only is wrong: nothing is concluded from it
  const known = { unread: unreadPolicies, ...(config && { providers: providerIds(config) }) };
  // a configuration of public routes alone needs no policies
  const policies =
    policyFiles.length > 0 ? loadPolicies(policyFiles, catalogue, known) : { set: NO_POLICIES, findings: [] };
  const { set } = policies;
  const read = [...findings, ...policies.findings];
  const compiled = draft && compilePrograms(draft, set);
  // beside other errors, what a route lacks (a policy that is broken) only follows from them; the rest is news
  const news = compiled?.findings.filter(({ file: at }) => at !== '' || !hasErrors(read)) ?? [];
  const all = inOrder([...read, ...placed(news, file)]);
  const usable = config !== undefined && compiled !== undefined && !hasErrors(all);
  return { value: usable ? { config, policyFiles, set, compiled } : undefined, set, findings: all, watched };
}

/** All of them can say in which groups somebody is. */
export const providerIds = ({ identity }: Configuration): readonly string[] => identity.providers.map(({ id }) => id);

/** What the engine says of a route has no place in a file. */
const placed = (findings: readonly Finding[], file: string): readonly Finding[] =>
  findings.map((finding) => (finding.file === '' ? { ...finding, file } : finding));

const NO_POLICIES: PolicySet = { layers: new Map(), broken: new Set(), roles: NO_ROLES };

/** load → compile → freeze. Nothing of it is in force until the caller swaps it in. */
export function buildSnapshot(file: string, env: Environment, deps: PlaneDeps): Built<Snapshot> {
  const { value, findings, watched } = load(file, env);
  if (value === undefined) return { value: undefined, findings, watched };
  const { plane, routes } = buildPlane(value, deps);
  return { value: Object.freeze({ ...value, plane, routes }), findings, watched };
}
