import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

export interface Watch {
  /** Watches other paths from now on. */
  update(paths: readonly string[]): void;
  /** Idempotent; no call of `onChange` afterwards. */
  close(): void;
}

/**
 * Calls `onChange` once, `debounceMs` after the last of a burst of changes to any of the paths. The *directory* of each
 * path is watched: editors replace files, and Kubernetes swaps a symlink beside them. What counts is not which event
 * arrived but whether the state of a path (inode, size, times; for directories their entries' times too, by their own
 * events) is another than before, so noise of neighbours calls nobody. Directories that are missing or vanish are tried
 * again every `retryMs`.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  options: { readonly debounceMs?: number; readonly retryMs?: number } = {},
): Watch {
  const { debounceMs = 200, retryMs = 1000 } = options;
  const watchers = new Map<string, FSWatcher>();
  let wanted: readonly string[] = [];
  let before = '';
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const settle = (): void => {
    timer = undefined;
    open();
    const now = stateOf(wanted);
    if (now === before) return;
    before = now;
    onChange();
  };
  const stir = (): void => {
    if (closed) return;
    clearTimeout(timer);
    timer = setTimeout(settle, debounceMs);
    timer.unref();
  };
  const drop = (directory: string): void => {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  };

  function open(): void {
    const directories = new Set(wanted.flatMap(directoriesOf));
    for (const directory of watchers.keys()) if (!directories.has(directory)) drop(directory);
    for (const directory of directories) {
      if (watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, stir);
        // the directory is gone, or the system has no more watches: the retry looks again
        watcher.on('error', () => drop(directory));
        watchers.set(directory, watcher);
      } catch {
        // missing for now; the retry looks again
      }
    }
  }

  // inotify follows the inode: a directory that was replaced is silent, so identity is compared now and then
  const identities = new Map<string, string>();
  const retry = setInterval(() => {
    for (const directory of watchers.keys()) {
      const identity = identityOf(directory);
      if (identities.get(directory) === identity) continue;
      if (identities.has(directory)) drop(directory);
      identities.set(directory, identity);
    }
    open();
    if (stateOf(wanted) !== before && timer === undefined) stir();
  }, retryMs);
  retry.unref();

  const api: Watch = {
    update(next) {
      if (closed) return;
      wanted = [...next];
      before = stateOf(wanted);
      open();
      for (const directory of watchers.keys()) identities.set(directory, identityOf(directory));
    },
    close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(retry);
      for (const directory of [...watchers.keys()]) drop(directory);
    },
  };
  api.update(paths);
  return api;
}

/** The directory that holds the path, and the path itself when it is a directory. */
function directoriesOf(path: string): string[] {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isDirectory ? [dirname(path), path] : [dirname(path)];
}

const identityOf = (path: string): string => {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? 'missing' : `${stat.dev}:${stat.ino}`;
};

/** Follows symlinks, so a swapped link shows as another inode. */
const stateOf = (paths: readonly string[]): string =>
  paths
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      return stat === undefined ? 'missing' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
    })
    .join('|');
