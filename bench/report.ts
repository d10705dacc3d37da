import { cpus, release } from 'node:os';
import type { Measurement } from './load.ts';
import { median } from './load.ts';

/** All rounds of one target. */
export interface Rounds {
  readonly name: string;
  readonly saturated: readonly (Measurement & { readonly cpuMicros: number | undefined })[];
  readonly paced: readonly Measurement[];
}

export interface Row {
  readonly target: string;
  readonly requestsPerSecond: number;
  /** against the rival, in the same interleaved run */
  readonly ratio: number | undefined;
  /** CPU of the proxy's process for one request, µs */
  readonly cpuMicros: number | undefined;
  /** ms, at saturation and at the fixed rate */
  readonly saturatedP50: number;
  readonly saturatedP99: number;
  readonly pacedP50: number;
  readonly pacedP99: number;
}

/** Medians over rounds. The ratio is the median of the ratios of each round, so that a slow minute of the machine cancels out. */
export function rowsOf(all: readonly Rounds[], rival: string): Row[] {
  const base = all.find(({ name }) => name === rival);
  return all.map(({ name, saturated, paced }) => {
    const ratios = saturated.flatMap(({ perSecond }, i) => {
      const other = base?.saturated[i]?.perSecond;
      return other === undefined ? [] : [perSecond / other];
    });
    const cpu = saturated.flatMap(({ cpuMicros, requests }) => (cpuMicros === undefined ? [] : [cpuMicros / requests]));
    return {
      target: name,
      requestsPerSecond: median(saturated.map((m) => m.perSecond)),
      ratio: ratios.length === 0 ? undefined : median(ratios),
      cpuMicros: cpu.length === 0 ? undefined : median(cpu),
      saturatedP50: median(saturated.map((m) => m.p50)),
      saturatedP99: median(saturated.map((m) => m.p99)),
      pacedP50: median(paced.map((m) => m.p50)),
      pacedP99: median(paced.map((m) => m.p99)),
    };
  });
}

/** A Markdown table, as docs/performance.md holds it. */
export function tableOf(rows: readonly Row[], rate: number): string {
  const heads = [
    'target',
    'requests/s',
    '/ http-proxy',
    'CPU µs',
    'p50 ms',
    'p99 ms',
    `p50 ms at ${rate}/s`,
    `p99 ms at ${rate}/s`,
  ];
  const figure = (value: number | undefined, digits: number) =>
    value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
  const cells = rows.map((row) => [
    row.target,
    figure(row.requestsPerSecond, 0),
    figure(row.ratio, 2),
    figure(row.cpuMicros, 0),
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

/** What the figures were measured on. */
export const machine = (pinned: boolean) => ({
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  pinned,
});
