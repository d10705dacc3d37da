import { loadConfiguration } from '../config/load.ts';
import type { Configuration } from '../config/schema.ts';
import { type Finding, hasErrors } from '../core/finding.ts';
import { loadPolicies } from '../policy/load.ts';
import { NO_ROLES } from '../policy/roles.ts';
import type { PolicySet } from '../policy/syntax.ts';
import type { CompiledRoute, DataPlane } from '../proxy/plane.ts';
import type { Upstreams } from '../proxy/upstreams.ts';
import { catalogue } from '../signals/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { buildPlane } from './plane.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration with its policies, read and checked but not compiled for requests yet. */
export interface Loaded {
  readonly config: Configuration;
  readonly set: PolicySet;
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

/** Reads configuration and policies; all problems of all files at once. */
export function load(file: string, env: Environment): Built<Loaded> {
  const { config, policyFiles, findings, watched } = loadConfiguration(file, env);
  // a configuration of public routes alone needs no policies
  const policies = policyFiles.length > 0 ? loadPolicies(policyFiles, catalogue) : { set: NO_POLICIES, findings: [] };
  const all = [...findings, ...policies.findings];
  const usable = config !== undefined && !hasErrors(all);
  return { value: usable ? { config, set: policies.set } : undefined, findings: all, watched };
}

const NO_POLICIES: PolicySet = { layers: new Map(), broken: new Set(), roles: NO_ROLES };

/** load → compile → freeze. Nothing of it is in force until the caller swaps it in. */
export function buildSnapshot(
  file: string,
  env: Environment,
  deps: { readonly upstreams: Upstreams; readonly metrics: Metrics },
): Built<Snapshot> {
  const { value, findings, watched } = load(file, env);
  if (value === undefined) return { value: undefined, findings, watched };
  const built = buildPlane(value.config, value.set, deps);
  const all = [...findings, ...built.findings];
  if (hasErrors(all)) return { value: undefined, findings: all, watched };
  return { value: Object.freeze({ ...value, plane: built.plane, routes: built.routes }), findings: all, watched };
}
