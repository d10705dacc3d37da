import type { Judge } from '../app/judge.ts';
import type { Elevation } from '../core/decision.ts';
import { hasErrors, InvalidConfiguration } from '../core/finding.ts';
import { loadPolicies } from '../policy/load.ts';
import { suggest } from '../schema/suggest.ts';
import { catalogue } from '../signals/index.ts';
import { CommandFailure, EXIT } from './output.ts';
import { placed, readPolicyDirectory } from './policy-files.ts';

/** Some or all policies of a directory. @throws InvalidConfiguration, CommandFailure 2 for a name that no policy has */
export function judgeOfDirectory(directory: string, names: string | undefined): Judge {
  const read = readPolicyDirectory(directory);
  if (hasErrors(read.findings)) throw new InvalidConfiguration(read.findings);
  const { set, findings } = loadPolicies(read.files, catalogue);
  if (hasErrors(findings)) throw new InvalidConfiguration(placed(findings, directory));
  const known = [...set.layers.keys()];
  const layers = names === undefined ? known : [...new Set(names.split(',').map((name) => name.trim()))];
  const unknown = layers.find((name) => !set.layers.has(name));
  if (unknown !== undefined) {
    const near = suggest(unknown, known);
    const hint = near === undefined ? `it has ${known.join(', ')}` : `did you mean ${near}?`;
    throw new CommandFailure(`${directory} has no policy ${JSON.stringify(unknown)}; ${hint}`, EXIT.usage);
  }
  const options = { layers, public: false, caseSensitive: false, elevation: DEFAULT_ELEVATION };
  return { kind: 'judge', route: undefined, set, options, params: new Map() };
}

// without a configuration there is no `session.elevation`; the person has just signed in, so no proof is old
const DEFAULT_ELEVATION: Elevation = {
  none: Number.POSITIVE_INFINITY,
  low: Number.POSITIVE_INFINITY,
  medium: Number.POSITIVE_INFINITY,
  high: Number.POSITIVE_INFINITY,
};
