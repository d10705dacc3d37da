import { type Loaded, load } from '../app/snapshot.ts';
import { InvalidConfiguration } from '../core/finding.ts';

/** Where the configuration is when nobody says otherwise. */
export const DEFAULT_CONFIG = 'config/sallyport.yaml';
export const CONFIG_OPTION = [
  '--config <file>',
  `configuration file (SALLYPORT_CONFIG; default ${DEFAULT_CONFIG})`,
] as const;

/** `--config`, else the environment's word for it, else the default. */
export const configFile = (flag: string | undefined): string => flag ?? process.env.SALLYPORT_CONFIG ?? DEFAULT_CONFIG;

/** Reads configuration and policies. @throws InvalidConfiguration, exit code 78 */
export function loadOrFail(file: string): Loaded {
  const { value, findings } = load(file, process.env);
  if (value === undefined) throw new InvalidConfiguration(findings);
  return value;
}
