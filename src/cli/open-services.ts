import { userInfo } from 'node:os';
import { systemClock } from '../app/clock.ts';
import { systemRandom } from '../app/random.ts';
import { openServices, type Services } from '../app/services.ts';
import type { Loaded } from '../app/snapshot.ts';
import type { AuditEvent } from '../core/event.ts';
import { openLog } from '../telemetry/log.ts';
import { configFile, loadOrFail } from './config-file.ts';

export interface OpenedServices extends Services, Loaded {
  /** who sits at the shell, for the audit log */
  readonly by: string;
  /** records an act of administration; it is on disk when this resolves */
  administered(event: Omit<AuditEvent, 'time' | 'type' | 'by'>): Promise<void>;
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
  await store.start();
  await audit.start();
  try {
    const by = `cli:${userInfo().username}`;
    return await work({
      ...services,
      ...loaded,
      by,
      administered: (event) => audit.recordDurably({ time: clock.now(), type: 'administration', by, ...event }),
    });
  } finally {
    await sessions.close(1000);
    await audit.close(5000);
    await store.close(5000);
  }
}
