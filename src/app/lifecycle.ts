import { watchFiles } from '../config/watch.ts';
import type { Finding } from '../core/finding.ts';
import type { Log } from '../core/ports.ts';
import type { Gateway } from './compose.ts';

/**
 * Follows the files of a configuration and SIGHUP: a good change is swapped in, a bad one is reported and keeps the old.
 * What changed between the first reading and this call is read at once.
 */
export function followChanges(gateway: Gateway, log: Log): { close(): void } {
  let watched = gateway.watched;
  const reload = (why: string): void => {
    const { ok, findings } = gateway.reload();
    logFindings(log, findings);
    if (ok) log.info('configuration reloaded', { why });
    else log.error('the new configuration is not good; the old one stays in force', { why });
    // only when it must: the watcher compares with what lay there before this reading, so a change in its midst is found
    if (sameTexts(watched, gateway.watched)) return;
    watched = gateway.watched;
    watcher.update(watched);
  };
  const watcher = watchFiles(watched, () => reload('a file changed'));
  const onHangup = (): void => {
    gateway.services.audit.reopen();
    reload('SIGHUP');
  };
  ignoreHangups();
  process.on('SIGHUP', onHangup);
  if (!gateway.isCurrent()) reload('a file changed during the start');
  return {
    close() {
      process.off('SIGHUP', onHangup);
      watcher.close();
    },
  };
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

const ignore = (): void => {};

/** SIGHUP ends a process that listens to nothing: one that starts or drains must outlive "please reload". */
function ignoreHangups(): void {
  if (!process.listeners('SIGHUP').includes(ignore)) process.on('SIGHUP', ignore);
}

export function logFindings(log: Log, findings: readonly Finding[]): void {
  for (const { severity, file, line, column, code, message, suggestion } of findings) {
    const write = severity === 'error' ? log.error : log.warn;
    // not `code`: a field of that name is redacted, it could be a one-time code
    write(message, { at: `${file}:${line}:${column}`, finding: code, suggestion });
  }
}

/** Resolves at the first SIGTERM or SIGINT. A second one ends the process at once. From here on SIGHUP ends nothing. */
export function untilSignal(log: Log): Promise<NodeJS.Signals> {
  ignoreHangups();
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
