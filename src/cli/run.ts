import type { Command } from 'commander';
import { systemClock } from '../app/clock.ts';
import { composeGateway, type Gateway } from '../app/compose.ts';
import { followChanges, logFindings, untilSignal } from '../app/lifecycle.ts';
import { systemRandom } from '../app/random.ts';
import { LOG_LEVELS, type LogLevel, openLog } from '../telemetry/log.ts';
import { CONFIG_OPTION, configFile } from './config-file.ts';
import { CommandFailure, EXIT } from './output.ts';
import { VERSION } from './version.ts';

export function addRun(program: Command): void {
  program
    .command('run')
    .description('Start the gateway and keep it running until SIGTERM; SIGHUP reloads.')
    .option(...CONFIG_OPTION)
    .option('--log-level <level>', `one of ${LOG_LEVELS.join(', ')}`, 'info')
    .action(async (options: { config?: string; logLevel: string }) => {
      await runGateway({ file: configFile(options.config), logLevel: levelOf(options.logLevel), env: process.env });
    });
}

export interface RunOptions {
  readonly file: string;
  readonly logLevel: LogLevel;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** called once the gateway serves */
  readonly onStarted?: (gateway: Gateway) => Promise<void> | void;
}

/** Runs a gateway until a signal, then drains it. @throws InvalidConfiguration, or the reason why it could not start */
export async function runGateway(options: RunOptions): Promise<void> {
  const log = openLog({ level: options.logLevel, pretty: process.stdout.isTTY === true });
  const gateway = composeGateway(
    { clock: systemClock(), random: systemRandom(), log },
    { file: options.file, env: options.env, version: VERSION },
  );
  logFindings(log, gateway.findings);
  const stopped = untilSignal(log);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.close(1000);
    log.flush();
    throw startFailure(error);
  }
  const changes = followChanges(gateway, log);
  const { config } = gateway.snapshot;
  log.info('serving', {
    gateway: `${config.listen.http.host}:${gateway.port}`,
    admin: `${config.admin.address.host}:${gateway.adminPort}`,
  });
  await options.onStarted?.(gateway);
  const signal = await stopped;
  log.info('draining', { signal, graceMs: config.timeouts.drain });
  changes.close();
  await gateway.close(config.timeouts.drain);
  log.info('stopped', {});
  log.flush();
}

/** What an engineer can act on; anything else stays as it is. */
function startFailure(error: unknown): unknown {
  const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE') {
    return new CommandFailure(
      `${address}:${port} is taken by another program; stop it, or change \`listen\` or \`admin\` in the configuration`,
    );
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
    return new CommandFailure(`cannot listen on ${address}:${port}: ${message}`);
  return error;
}

function levelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text);
  if (level === undefined) throw new CommandFailure(`--log-level must be one of ${LOG_LEVELS.join(', ')}`, EXIT.usage);
  return level;
}
