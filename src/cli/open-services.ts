import { userInfo } from 'node:os';
import { systemClock } from '../app/clock.ts';
import { systemRandom } from '../app/random.ts';
import { openServices, type Services } from '../app/services.ts';
import type { Loaded } from '../app/snapshot.ts';
import { startStep } from '../app/start-failure.ts';
import type { AuditEvent } from '../core/event.ts';
import { openLog } from '../telemetry/log.ts';
import { configFile, loadOrFail } from './config-file.ts';
import { CommandFailure } from './output.ts';

export interface OpenedServices extends Services, Loaded {
  /** who sits at the shell, for the audit log */
  readonly by: string;
  /**
   * Records an act of administration that was done, or is about to be; it is on disk when this resolves.
   * @throws CommandFailure 1
   */
  administered(event: Omit<AuditEvent, 'time' | 'type' | 'by'>, when?: 'done' | 'to_be_done'): Promise<void>;
}

/**
 * Opens the store of a configuration for one command and closes it whatever happens. Other processes, a running gateway among
 * them, may have it open too: what the command changes is in force there on the next request.
 */
export async function withServices<T>(
  configFlag: string | undefined,
  work: (services: OpenedServices) => Promise<T>,
): Promise<T> {
  const loaded = loadOrFail(configFile(configFlag));
  const log = openLog({ level: 'warn', pretty: true, destination: process.stderr });
  const services = openServices({ clock: systemClock(), random: systemRandom(), log }, loaded.config, () => {});
  const { store, audit, sessions, clock } = services;
  const by = `cli:${shellUser()}`;
  try {
    await startStep('the store (`store` in the configuration)', () => store.start());
    await startStep('the audit file (`audit.file` in the configuration)', () => audit.start());
    return await work({
      ...services,
      ...loaded,
      by,
      administered: async (event, when = 'done') => {
        try {
          await audit.recordDurably({ time: clock.now(), type: 'administration', by, ...event });
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          const file = loaded.config.audit.file;
          throw new CommandFailure(
            when === 'done'
              ? `it is done, but ${file} holds no record of it: ${why}`
              : `nothing was done, since ${file} takes no record of it: ${why}`,
          );
        }
      },
    });
  } finally {
    await sessions.close(1000);
    await audit.close(5000);
    await store.close(5000);
  }
}

/** The account's name, or its number where the machine knows no name (containers). */
function shellUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
