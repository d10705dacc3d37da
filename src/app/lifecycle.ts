import { watchFiles } from '../config/watch.ts';
import type { Finding } from '../core/finding.ts';
import type { Log } from '../core/ports.ts';
import type { Gateway } from './compose.ts';

/** Follows the files of a configuration and SIGHUP: a good change is swapped in, a bad one is reported and keeps the old. */
export function followChanges(gateway: Gateway, log: Log): { close(): void } {
  const reload = (why: string): void => {
    const { ok, findings } = gateway.reload();
    logFindings(log, findings);
    if (ok) log.info('configuration reloaded', { why });
    else log.error('the new configuration is not good; the old one stays in force', { why });
    watcher.update(gateway.watched);
  };
  const watcher = watchFiles(gateway.watched, () => reload('a file changed'));
  const onHangup = (): void => {
    gateway.services.audit.reopen();
    reload('SIGHUP');
  };
  process.on('SIGHUP', onHangup);
  return {
    close() {
      process.off('SIGHUP', onHangup);
      watcher.close();
    },
  };
}

export function logFindings(log: Log, findings: readonly Finding[]): void {
  for (const { severity, file, line, column, code, message, suggestion } of findings) {
    const write = severity === 'error' ? log.error : log.warn;
    // not `code`: a field of that name is redacted, it could be a one-time code
    write(message, { at: `${file}:${line}:${column}`, finding: code, suggestion });
  }
}

/** Resolves at the first SIGTERM or SIGINT. A second one ends the process at once. */
export function untilSignal(log: Log): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => {
          log.warn('stopped at once', { signal });
          process.exit(130);
        });
        resolve(signal);
      });
    }
  });
}
