import { cpus, loadavg, release } from 'node:os';
import type { Measurement } from './load.ts';
import { median } from './load.ts';

/** One round at saturation. */
export interface Saturated extends Measurement {
  /** CPU time of the target's processes; undefined where it cannot be told */
  readonly cpuMicros: number | undefined;
}

/** All rounds of one target; none of a target that is not installed. */
export interface Rounds {
  readonly name: string;
  readonly saturated: readonly Saturated[];
  readonly paced: readonly Measurement[];
}

/** Medians over rounds; NaN where there is no figure. */
export interface Row {
  readonly target: string;
  readonly installed: boolean;
  readonly requestsPerSecond: number;
  /** against other targets of the same run, by name */
  readonly ratios: Readonly<Record<string, number>>;
  /** CPU of the target's processes for one request, µs */
  readonly cpuMicros: number;
  /** share of one core that they took: well below 1 it was the load that had no more to give */
  readonly busy: number;
  /** ms, at saturation and at the fixed rate */
  readonly saturatedP50: number;
  readonly saturatedP99: number;
  readonly pacedP50: number;
  readonly pacedP99: number;
}

/** Ratios are medians of the ratios of each round, so that a slow minute of the machine cancels out. */
export function rowsOf(all: readonly Rounds[], rivals: readonly string[]): Row[] {
  return all.map(({ name, saturated, paced }) => {
    const ratio = (rival: string): number => {
      const base = all.find((each) => each.name === rival)?.saturated ?? [];
      return median(
        saturated.flatMap(({ perSecond }, i) => (base[i] === undefined ? [] : [perSecond / base[i].perSecond])),
      );
    };
    const cpu = saturated.flatMap(({ cpuMicros, requests, perSecond }) =>
      cpuMicros === undefined ? [] : [{ each: cpuMicros / requests, busy: (cpuMicros * perSecond) / requests / 1e6 }],
    );
    return {
      target: name,
      installed: saturated.length > 0,
      requestsPerSecond: median(saturated.map((m) => m.perSecond)),
      ratios: Object.fromEntries(rivals.map((rival) => [rival, ratio(rival)])),
      cpuMicros: median(cpu.map(({ each }) => each)),
      busy: median(cpu.map(({ busy }) => busy)),
      saturatedP50: median(saturated.map((m) => m.p50)),
      saturatedP99: median(saturated.map((m) => m.p99)),
      pacedP50: median(paced.map((m) => m.p50)),
      pacedP99: median(paced.map((m) => m.p99)),
    };
  });
}

/** A Markdown table, as docs/performance.md holds it. */
export function tableOf(rows: readonly Row[], rivals: readonly string[], rate: number): string {
  const heads = [
    'target',
    'requests/s',
    ...rivals.map((rival) => `/ ${rival}`),
    'CPU µs',
    'core busy',
    'p50 ms',
    'p99 ms',
    `p50 ms at ${rate}/s`,
    `p99 ms at ${rate}/s`,
  ];
  const figure = (value: number | undefined, digits: number) =>
    value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
  const cells = rows.map((row) => [
    row.target,
    row.installed ? figure(row.requestsPerSecond, 0) : 'not installed',
    ...rivals.map((rival) => figure(row.ratios[rival], 2)),
    figure(row.cpuMicros, 0),
    Number.isNaN(row.busy) ? '–' : `${figure(row.busy * 100, 0)} %`,
    figure(row.saturatedP50, 2),
    figure(row.saturatedP99, 2),
    figure(row.pacedP50, 2),
    figure(row.pacedP99, 2),
  ]);
  return gridOf(heads, cells);
}

/** A Markdown table: text to the left in the first column, figures to the right in the others. */
export function gridOf(heads: readonly string[], cells: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => `${'-'.repeat(width + 1)}${i === 0 ? '-' : ':'}`).join('|')}|`;
  return [line(heads), rule, ...cells.map(line)].join('\n');
}

/** What the figures were measured on. `load` is the average of the last minute, of everything that ran. */
export const machine = (pinned: boolean) => ({
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  load: loadavg()[0],
  pinned,
});
