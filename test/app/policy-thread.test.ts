import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bareSubject } from '../../src/app/described-request.ts';
import { openPolicyThread, type PolicyThread, type Task, type Tried } from '../../src/app/policy-thread.ts';
import type { RulesInForce } from '../../src/app/policy-worker.ts';
import { load } from '../../src/app/snapshot.ts';
import { openUpstream } from '../support/upstream.ts';
import { configured, type GatewayProcess, startGateway } from './process.ts';

const TOKEN = 'a-token-of-the-administrator';

const SMALL = { file: 'small.yaml', text: 'version: 1\npolicy: small\nrules: [{ allow: all }]\n' };

/**
 * Less than 64 KiB that is right in every way and takes half a minute: tests of 20,000 comparisons each, and every comparison
 * an expression that has to look at the whole of a long text.
 */
function hostile(): { file: string; text: string } {
  const pattern = '^/([a-z]{1,9}){1,90}B$';
  const doubled = Array.from({ length: 8 }, (_, i) => `  c${i + 1}: { any: [{ is: c${i} }, { is: c${i} }] }`);
  const rules = Array.from({ length: 39 }, (_, i) => `  - { deny: r${i}, reason: no, when: { is: c8 } }`);
  const tests = Array.from(
    { length: 55 },
    (_, i) => `  - { name: t${i}, given: { request.path: /${'a'.repeat(1000)} }, expect: { effect: deny } }`,
  );
  const text = `version: 1
policy: slow
conditions:
  c0: { any: [{ request.path: { matches: "${pattern}" } }, { request.path: { matches: "${pattern}" } }] }
${doubled.join('\n')}
rules:
${rules.join('\n')}
tests:
${tests.join('\n')}
`;
  expect(text.length).toBeLessThan(63 * 1024);
  return { file: 'slow.yaml', text };
}

const check = (...files: readonly { file: string; text: string }[]): Task => ({ kind: 'check', files, providers: [] });
const summaryOf = (tried: Tried): unknown => tried.kind === 'json' && JSON.parse(tried.text).summary;
const effectOf = (tried: Tried): unknown => tried.kind === 'json' && JSON.parse(tried.text).decision.effect;
const explain = (rules: RulesInForce, url = 'http://app.test/'): Task => ({
  kind: 'explain',
  description: {
    request: { method: 'GET', url, headers: [], clientAddress: '192.0.2.1' },
    ...{ as: 'zoe', set: [], absent: [], unknown: [] },
  },
  subject: bareSubject('zoe'),
  at: 1_700_000_000_000,
  rules,
});
/** A configuration of one route, judged by one rule. */
function rules(rule: string): RulesInForce {
  const directory = configured(
    'routes: [{ route: app, match: { host: app.test }, upstream: "http://127.0.0.1:9", policy: one }]',
    { 'policies/one.yaml': `version: 1\npolicy: one\nrules: [{ ${rule} }]\n` },
  );
  const { value } = load(join(directory, 'sallyport.yaml'), {});
  if (value === undefined) throw new Error('no configuration');
  return { config: value.config, policyFiles: value.policyFiles };
}
const CLEAN = { errors: 0, warnings: 1, passed: 0, failed: 0 };

function thread(options: Parameters<typeof openPolicyThread>[0] = {}): PolicyThread {
  const opened = openPolicyThread(options);
  onTestFinished(() => opened.close(0));
  return opened;
}

describe('the thread in which policies are tried out', () => {
  it('answers one after the other', async () => {
    const { run } = thread();
    const done: number[] = [];
    const ask = async (number: number): Promise<Tried> => {
      const tried = await run(check(SMALL));
      done.push(number);
      return tried;
    };
    const all = await Promise.all([ask(1), ask(2), ask(3)]);
    expect(all.map(summaryOf)).toEqual([CLEAN, CLEAN, CLEAN]);
    expect(done).toEqual([1, 2, 3]);
  });

  it('judges by the rules that a task comes with, whatever became of the thread that had them before', async () => {
    const { run } = thread({ limitMs: 1000 });
    const [open, shut] = [rules('allow: all'), rules('deny: all, reason: no')];
    for (const [given, effect] of [
      [open, 'allow'],
      [open, 'allow'],
      [shut, 'deny'],
      [open, 'allow'],
    ] as const)
      expect(effectOf(await run(explain(given)))).toBe(effect);
    expect(await run(check(hostile()))).toEqual({ kind: 'too_costly' });
    // a new thread, whose first task needs no rules
    expect(summaryOf(await run(check(SMALL)))).toEqual(CLEAN);
    expect(effectOf(await run(explain(open)))).toBe('allow');
  });

  it('says what describes no request, and stays as it was', async () => {
    const { run } = thread();
    const given = rules('allow: all');
    const wrong = await run(explain(given, 'nonsense'));
    expect(wrong).toMatchObject({ kind: 'wrong', detail: expect.stringContaining('nonsense') });
    expect(effectOf(await run(explain(given)))).toBe('allow');
  });

  it('gives up what takes too long, and whoever comes next is answered', async () => {
    const { run } = thread({ limitMs: 1000 });
    const [slow, next] = await Promise.all([run(check(hostile())), run(check(SMALL))]);
    expect(slow).toEqual({ kind: 'too_costly' });
    expect(summaryOf(next)).toEqual(CLEAN);
  });

  it('lets a few wait and refuses the others at once', async () => {
    const { run, close } = thread({ maxQueue: 2 });
    const [first, second] = [run(check(hostile())), run(check(SMALL))];
    expect(await run(check(SMALL))).toEqual({ kind: 'busy' });
    // whoever waits when the gateway ends is told so
    await close(0);
    expect(await Promise.all([first, second, run(check(SMALL))])).toEqual([
      { kind: 'busy' },
      { kind: 'busy' },
      { kind: 'busy' },
    ]);
  });

  it('starts anew after a bug of ours, which is told', async () => {
    const { run } = thread();
    const broken = { kind: 'check', files: undefined, providers: [] } as unknown as Task;
    await expect(run(broken)).rejects.toThrow('could not be tried out');
    // what no thread can be told is a bug as well
    await expect(run({ ...check(SMALL), why: () => 1 } as unknown as Task)).rejects.toThrow('could not be cloned');
    expect(summaryOf(await run(check(SMALL)))).toEqual(CLEAN);
  });
});

/** `sallyport run` with an application, and rules that take long to explain when what they compare is long. */
async function world(): Promise<{
  readonly gate: GatewayProcess;
  post(path: string, body: object): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  /** requests that the application answers, one after the other, until `over`; how many there were */
  visitUntil(over: Promise<unknown>): Promise<number>;
}> {
  const upstream = await openUpstream();
  onTestFinished(upstream.close);
  const rules = Array.from(
    { length: 100 },
    (_, i) => `  - { deny: r${i}, reason: no, when: { request.path: { matches: "^/([a-z]{1,9}){1,90}/${i}$" } } }`,
  );
  const directory = configured(
    `admin: { address: 127.0.0.1:0, token: ${TOKEN} }
routes:
  - { route: open, match: { host: app.test }, upstream: "${upstream.origin}", public: true }
  - { route: slow, match: { host: slow.test }, upstream: "${upstream.origin}", policy: slow }`,
    { 'policies/slow.yaml': `version: 1\npolicy: slow\nrules:\n${rules.join('\n')}\n` },
  );
  const gate = await startGateway(directory);
  return {
    gate,
    async post(path, body) {
      const answer = await fetch(`http://127.0.0.1:${gate.adminPort}/api/v1${path}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
    async visitUntil(over) {
      let isOver = false;
      void over.finally(() => {
        isOver = true;
      });
      for (let visits = 0; ; visits++) {
        const { status } = await gate.send('GET /x HTTP/1.1', ['Host: app.test']);
        if (isOver) return visits;
        expect(status).toBe(200);
      }
    },
  };
}

describe('while the API tries out what takes long', () => {
  it('policies: requests are answered before it, it is given up, and others are told to come again', async () => {
    const { post, visitUntil } = await world();
    const slow = post('/policies/check', { files: [hostile()] });
    const waiting = Array.from({ length: 3 }, () => post('/policies/check', { files: [SMALL] }));
    const busy = visitUntil(slow);
    const tooMany = await Promise.race([slow, ...waiting, post('/policies/check', { files: [SMALL] })]);
    expect([tooMany.status, tooMany.body.reason]).toEqual([503, 'policies_busy']);
    const given = await slow;
    expect([given.status, given.body.reason]).toEqual([400, 'too_costly']);
    // with all of it on the event loop there was time for one or two
    expect(await busy).toBeGreaterThan(50);
    for (const { status, body } of await Promise.all(waiting)) expect([status, body.summary]).toEqual([200, CLEAN]);
  }, 60_000);

  it('a request to explain: the same', async () => {
    const { post, visitUntil } = await world();
    const explain = (path: string) =>
      post('/policies/explain', { method: 'GET', url: 'http://slow.test/x', set: { 'request.path': path } });
    expect((await explain('/x')).body.decision).toMatchObject({ reason: 'no_rule_matched' });
    const slow = explain(`/${'a'.repeat(80)}`);
    expect(await visitUntil(slow)).toBeGreaterThan(50);
    // which of the two it comes to is the machine's matter
    expect([200, 400]).toContain((await slow).status);
  }, 60_000);
});
