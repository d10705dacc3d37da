/** A strict reader of the Prometheus text format 0.0.4, written from its description; throws on anything out of place. */
export interface Sample {
  readonly name: string;
  /** the metric it belongs to: its name without the suffix of a histogram */
  readonly family: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function parseExposition(body: string) {
  if (!body.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, { help: string; type: string }>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  for (const line of body.split('\n')) {
    if (line === '') continue;
    const meta = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line);
    if (meta !== null) {
      const [, kind, name, text] = meta as unknown as [string, string, string, string];
      const family = families.get(name) ?? { help: '', type: '' };
      if (kind === 'HELP' ? family.help !== '' : family.type !== '') throw new Error(`${kind} of ${name} twice`);
      families.set(name, kind === 'HELP' ? { ...family, help: text } : { ...family, type: text });
      continue;
    }
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const [, name, labelText, number] = match as unknown as [string, string, string | undefined, string];
    const family = families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
    if (!families.has(family)) throw new Error(`sample before its TYPE: ${line}`);
    const labels = parseLabels(labelText ?? '');
    const key = `${name}${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(key)) throw new Error(`series twice: ${line}`);
    seen.add(key);
    samples.push({ name, family, labels, value: number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number) });
  }
  const matches = (s: Sample, labels: Readonly<Record<string, string>>) =>
    Object.keys(s.labels).length === Object.keys(labels).length &&
    Object.entries(labels).every(([name, value]) => s.labels[name] === value);
  return {
    families,
    samples,
    value: (name: string, labels: Readonly<Record<string, string>>) =>
      samples.find((s) => s.name === name && matches(s, labels))?.value,
    buckets: (name: string, labels: Readonly<Record<string, string>>) =>
      samples
        .filter((s) => s.name === `${name}_bucket` && matches(s, { ...labels, le: s.labels.le as string }))
        .map((s) => ({ le: s.labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(s.labels.le), value: s.value })),
  };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    const pair = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/.exec(text.slice(at));
    if (pair === null) throw new Error(`bad labels: ${text}`);
    if (Object.hasOwn(labels, pair[1] as string)) throw new Error(`label twice: ${text}`);
    labels[pair[1] as string] = (pair[2] as string).replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    at += pair[0].length;
  }
  return labels;
}
