import type { Attribute, AttributeSpec, Catalogue, Reader } from '../../src/core/attribute.ts';
import type { Proof } from '../../src/core/decision.ts';
import { absent, type Reading, unknown } from '../../src/core/signal.ts';

/** A request of the tests: readings by name, and the few things the language asks for besides. */
export interface Situation {
  readonly values: ReadonlyMap<string, Reading>;
  readonly now: number;
  readonly authenticated: boolean;
  readonly proofs: readonly Proof[];
  /** instants that ages are counted from; NaN: none */
  readonly authAt: number;
  readonly createdAt: number;
  /** what was read, for tests that count */
  readonly log?: string[];
}

type Short = Partial<AttributeSpec> & Pick<AttributeSpec, 'name' | 'type'>;

const define = (short: Short, read?: (name: string) => Reader<Situation>): Attribute<Situation> => ({
  meaning: `what ${short.name} means`,
  example: 'x',
  mayBeAbsent: false,
  aboutPerson: false,
  veiledForLogin: false,
  source: 'test',
  cost: 'free',
  built: true,
  scope: 'request',
  time: 'none',
  foldsCase: false,
  ...short,
  bind: ({ key }) => {
    const name = key === undefined ? short.name : short.name.slice(0, -1) + key;
    const inner = read?.(name) ?? plain(name, short.mayBeAbsent === true ? absent : unknown);
    return (context) => {
      context.log?.push(name);
      return inner(context);
    };
  },
});

const plain =
  (name: string, otherwise: Reading): Reader<Situation> =>
  ({ values }) =>
    values.get(name) ?? otherwise;

/** What is set explicitly wins, so that every attribute can be made unknown; else it is computed. */
const computed =
  (read: (context: Situation) => Reading) =>
  (name: string): Reader<Situation> =>
  (context) =>
    context.values.get(name) ?? read(context);

const age = (from: (context: Situation) => number) =>
  computed((context) => {
    const ms = context.now - from(context);
    return Number.isNaN(ms) ? unknown : Math.max(0, ms);
  });

const person = { aboutPerson: true, veiledForLogin: true, scope: 'credential' } as const;
const withOrigin = (attribute: Attribute<Situation>, origin: (context: Situation) => number): Attribute<Situation> => ({
  ...attribute,
  origin,
});
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const all: readonly Attribute<Situation>[] = [
  define({ name: 'request.method', type: 'string' }),
  define({ name: 'request.path', type: 'string', foldsCase: true }),
  define({ name: 'request.params.*', type: 'string', foldsCase: true, mayBeAbsent: true }),
  define({ name: 'request.header.*', type: 'string', mayBeAbsent: true, scope: 'uncached', cost: 'cheap' }),
  define({ name: 'request.client_ip', type: 'address' }),
  define({ name: 'request.scheme', type: 'string', values: ['http', 'https'] }),
  define(
    { name: 'identity.authenticated', type: 'boolean', veiledForLogin: true, scope: 'credential' },
    () => (context) => context.authenticated,
  ),
  define({ name: 'identity.sub', type: 'string', ...person }),
  define({ name: 'identity.email', type: 'string', ...person, mayBeAbsent: true }),
  define({ name: 'identity.groups', type: 'list', ...person }),
  define({ name: 'identity.amr', type: 'list', ...person }),
  define({ name: 'identity.assurance', type: 'level', ...person }),
  define({ name: 'identity.claims.*', type: 'string', ...person, mayBeAbsent: true }),
  withOrigin(
    define(
      { name: 'identity.auth_age', type: 'duration', ...person, scope: 'time', time: 'age' },
      age((c) => c.authAt),
    ),
    (c) => c.authAt,
  ),
  withOrigin(
    define(
      { name: 'session.age', type: 'duration', ...person, scope: 'time', time: 'age' },
      age((c) => c.createdAt),
    ),
    (c) => c.createdAt,
  ),
  define({ name: 'session.idle', type: 'duration', ...person, scope: 'time', time: 'erratic' }),
  define({ name: 'session.first_seen_ip', type: 'address', ...person }),
  define({ name: 'device.trust', type: 'number', aboutPerson: true, scope: 'credential' }),
  define({ name: 'device.known', type: 'boolean', aboutPerson: true, scope: 'credential' }),
  define({ name: 'device.browser_version', type: 'version', mayBeAbsent: true }),
  define({ name: 'geo.country', type: 'string', mayBeAbsent: true, cost: 'costly' }),
  define({ name: 'risk.score', type: 'number', aboutPerson: true, scope: 'credential', built: false }),
  define(
    { name: 'time.hour', type: 'number', scope: 'time', time: 'calendar' },
    computed((c) => new Date(c.now).getUTCHours()),
  ),
  define(
    { name: 'time.weekday', type: 'string', values: WEEKDAYS, scope: 'time', time: 'calendar' },
    computed((c) => WEEKDAYS[new Date(c.now).getUTCDay()] ?? unknown),
  ),
  define(
    { name: 'time.date', type: 'date', scope: 'time', time: 'calendar' },
    computed((c) => new Date(c.now).toISOString().slice(0, 10)),
  ),
  define(
    { name: 'time.now', type: 'instant', scope: 'time', time: 'instant' },
    computed((c) => c.now),
  ),
];

/** A catalogue of every type, scope and dependence on time. */
export const catalogue: Catalogue<Situation> = {
  attributes: new Map(all.map((attribute) => [attribute.name, attribute])),
  authenticated: (context) => context.authenticated,
  proofs: (context) => context.proofs,
  now: (context) => context.now,
};
