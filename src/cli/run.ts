import { type Command, Option } from 'commander';
import { systemClock } from '../app/clock.ts';
import { composeGateway, type Gateway } from '../app/compose.ts';
import { followChanges, logFindings, untilSignal } from '../app/lifecycle.ts';
import { systemRandom } from '../app/random.ts';
import { InvalidConfiguration } from '../core/finding.ts';
import type { Log } from '../core/ports.ts';
import { LOG_LEVELS, type LogLevel, openLog } from '../telemetry/log.ts';
import { CONFIG_OPTION, configFile, withHint } from './config-file.ts';
import { CommandFailure } from './output.ts';
import { VERSION } from './version.ts';

const HELP = `
Examples:
  sallyport run --config /etc/sallyport/sallyport.yaml
  sallyport check && sallyport run

The log goes to standard output, one JSON object a line (lines for people on a terminal). A changed configuration, policy or
secret file, or SIGHUP, loads everything anew; a bad one is reported and the old one stays in force.`;

export function addRun(program: Command): void {
  program
    .command('run')
    .description('Start the gateway and keep it running until SIGTERM; SIGHUP reloads.')
    .option(...CONFIG_OPTION)
    .addOption(new Option('--log-level <level>', 'what is logged').choices(LOG_LEVELS).default('info'))
    .addHelpText('after', HELP)
    .action(async (options: { config?: string; logLevel: LogLevel }) => {
      await runGateway({ file: configFile(options.config), logLevel: options.logLevel, env: process.env });
    });
}

export interface RunOptions {
  readonly file: string;
  readonly logLevel: LogLevel;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** what to do about an address that is taken; default: change the configuration */
  readonly otherAddress?: string;
  /** called once the gateway serves */
  readonly onStarted?: (gateway: Gateway) => Promise<void> | void;
}

/** Runs a gateway until a signal, then drains it. @throws InvalidConfiguration, or the reason why it could not start */
export async function runGateway(options: RunOptions): Promise<void> {
  const log = openLog({ level: options.logLevel, pretty: process.stdout.isTTY === true });
  const gateway = compose(options, log);
  logFindings(log, gateway.findings);
  const stopped = untilSignal(log);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.close(1000);
    log.flush();
    throw startFailure(error, options.otherAddress ?? 'change `listen` or `admin` in the configuration');
  }
  const { config } = gateway.snapshot;
  // a reload may have changed it
  const graceMs = (): number => gateway.snapshot.config.timeouts.drain;
  let changes: { close(): void } | undefined;
  try {
    changes = followChanges(gateway, log);
    log.info('serving', {
      gateway: `${config.listen.http.host}:${gateway.port}`,
      admin: `${config.admin.address.host}:${gateway.adminPort}`,
    });
    await options.onStarted?.(gateway);
    const signal = await stopped;
    log.info('draining', { signal, graceMs: graceMs() });
  } finally {
    // after a failure too: listeners that stay open would keep the process, and no signal would end it
    changes?.close();
    await gateway.close(graceMs());
    log.info('stopped', {});
    log.flush();
  }
}

function compose({ file, env }: RunOptions, log: Log): Gateway {
  try {
    return composeGateway({ clock: systemClock(), random: systemRandom(), log }, { file, env, version: VERSION });
  } catch (error) {
    throw error instanceof InvalidConfiguration ? new InvalidConfiguration(withHint(error.findings, file)) : error;
  }
}

/** What an engineer can act on; anything else stays as it is. */
function startFailure(error: unknown, otherAddress: string): unknown {
  const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE') {
    return new CommandFailure(`${address}:${port} is taken by another program; stop it, or ${otherAddress}`);
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
    return new CommandFailure(`cannot listen on ${address}:${port}: ${message}`);
  return error;
}
