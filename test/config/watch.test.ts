import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { watchFiles } from '../../src/config/watch.ts';
import { directoryWith } from './directory.ts';

/** Watches, and gives a function that resolves with the next call. */
function watching(paths: readonly string[]) {
  let calls = 0;
  let wake: () => void = () => {};
  const watch = watchFiles(
    paths,
    () => {
      calls += 1;
      wake();
    },
    { debounceMs: 20, retryMs: 50 },
  );
  onTestFinished(() => watch.close());
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return { watch, next, calls: () => calls };
}

describe('watching', () => {
  it('tells of a write, once for a burst', async () => {
    const directory = directoryWith({ 'a.yaml': '1', 'b.yaml': '1' });
    const { next, calls } = watching([join(directory, 'a.yaml'), join(directory, 'b.yaml')]);
    const told = next();
    writeFileSync(join(directory, 'a.yaml'), '2');
    writeFileSync(join(directory, 'a.yaml'), '33');
    writeFileSync(join(directory, 'b.yaml'), '444');
    await told;
    expect(calls()).toBe(1);
  });

  it('tells of a replaced file, a deleted one, and one that comes back', async () => {
    const directory = directoryWith({ 'a.yaml': '1', 'new.yaml': '2' });
    const { next } = watching([join(directory, 'a.yaml')]);
    let told = next();
    renameSync(join(directory, 'new.yaml'), join(directory, 'a.yaml'));
    await told;
    told = next();
    unlinkSync(join(directory, 'a.yaml'));
    await told;
    told = next();
    writeFileSync(join(directory, 'a.yaml'), '3');
    await told;
  });

  it('tells of a symlink swapped beside the file, as Kubernetes does it', async () => {
    const directory = directoryWith({ 'v1/c.yaml': '1', 'v2/c.yaml': '2' });
    symlinkSync('v1', join(directory, '..data'));
    symlinkSync(join('..data', 'c.yaml'), join(directory, 'c.yaml'));
    const { next } = watching([join(directory, 'c.yaml')]);
    const told = next();
    symlinkSync('v2', join(directory, '..tmp'));
    renameSync(join(directory, '..tmp'), join(directory, '..data'));
    await told;
  });

  it('tells of a new file in a watched directory', async () => {
    const directory = directoryWith({ 'p/a.yaml': '1' });
    const { next } = watching([join(directory, 'p')]);
    const told = next();
    writeFileSync(join(directory, 'p', 'b.yaml'), '1');
    await told;
  });

  it('survives the loss of the whole directory', async () => {
    const directory = directoryWith({ 'p/a.yaml': '1' });
    const { next } = watching([join(directory, 'p', 'a.yaml')]);
    let told = next();
    rmSync(join(directory, 'p'), { recursive: true });
    await told;
    told = next();
    mkdirSync(join(directory, 'p'));
    writeFileSync(join(directory, 'p', 'a.yaml'), '2');
    await told;
    told = next();
    writeFileSync(join(directory, 'p', 'a.yaml'), '33');
    await told;
  });

  it('says nothing of neighbours', async () => {
    const directory = directoryWith({ 'a.yaml': '1', 'b.yaml': '1' });
    const neighbour = watching([join(directory, 'b.yaml')]);
    const { calls } = watching([join(directory, 'a.yaml')]);
    const told = neighbour.next();
    writeFileSync(join(directory, 'b.yaml'), '22');
    await told;
    expect(calls()).toBe(0);
  });

  it('is quiet once closed, and closes twice', async () => {
    const directory = directoryWith({ 'a.yaml': '1' });
    const other = watching([join(directory, 'a.yaml')]);
    const { watch, calls } = watching([join(directory, 'a.yaml')]);
    watch.close();
    watch.close();
    const told = other.next();
    writeFileSync(join(directory, 'a.yaml'), '22');
    await told;
    expect(calls()).toBe(0);
  });
});
