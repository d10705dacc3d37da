import { existsSync } from 'node:fs';
import { type Loaded, load } from '../app/snapshot.ts';
import { type Finding, InvalidConfiguration } from '../core/finding.ts';

/** Where the configuration is when nobody says otherwise. */
export const DEFAULT_CONFIG = 'config/sallyport.yaml';
export const CONFIG_OPTION = [
  '--config <file>',
  `configuration file (default: SALLYPORT_CONFIG, else ${DEFAULT_CONFIG})`,
] as const;

/** `--config`, else the environment's word for it, else the default. An empty variable says nothing. */
export const configFile = (flag: string | undefined): string =>
  flag ?? (process.env.SALLYPORT_CONFIG || DEFAULT_CONFIG);

/** Reads configuration and policies. @throws InvalidConfiguration, exit code 78 */
export function loadOrFail(file: string): Loaded {
  const { value, findings } = load(file, process.env);
  if (value === undefined) throw new InvalidConfiguration(withHint(findings, file));
  return value;
}

/** Whoever started in another directory learns how to name the file. */
export function withHint(findings: readonly Finding[], file: string): readonly Finding[] {
  if (existsSync(file)) return findings;
  const suggestion = 'There is no such file. Name the configuration with --config FILE or SALLYPORT_CONFIG.';
  return findings.map((finding) =>
    finding.code === 'file-unreadable' && finding.file === file ? { ...finding, suggestion } : finding,
  );
}
