import { describe, expect, it } from 'vitest';
import { LEVELS } from '../../src/core/decision.ts';
import { unknown } from '../../src/core/signal.ts';
import { catalogue } from '../../src/signals/index.ts';
import { attributeTable } from '../../src/signals/reference.ts';
import { ann, NOON, nobody, session, somebody } from './context.ts';

const TABLE: Readonly<Record<string, string>> = {
  request: 'method host path params.* query.* header.* scheme http_version client_ip size is_upgrade',
  identity:
    'authenticated sub email email_verified groups roles permissions provider assurance amr auth_age acr claims.* kind',
  access: 'permitted action scope',
  session: 'age idle trust security_level first_seen_ip ip_changed user_agent_changed',
  device: 'id known trust similarity kind platform browser browser_version cert_verified managed',
  geo: 'country continent city asn as_org private new_country impossible_travel distance_km speed_kmh high_risk location_risk',
  risk: 'score level factors',
  behavior: 'anomaly typing navigation time_of_day request_rate',
  threat: 'listed lists',
  time: 'hour weekday date now',
};
const ALL = Object.entries(TABLE).flatMap(([group, names]) => names.split(' ').map((name) => `${group}.${name}`));
const LIVE_GROUPS = new Set(['request', 'identity', 'session', 'time']);
const WAITING = new Set(['session.trust', 'session.security_level']);
const ABOUT_A_PERSON_ELSEWHERE = new Set([
  ...['device.known', 'device.trust', 'device.similarity'],
  ...['geo.new_country', 'geo.impossible_travel', 'geo.distance_km', 'geo.speed_kmh'],
]);

const specs = [...catalogue.attributes.values()];
const groupOf = (name: string): string => name.slice(0, name.indexOf('.'));

describe('the catalogue', () => {
  it('declares every attribute of the language, in its order, and no other', () => {
    expect([...catalogue.attributes.keys()]).toEqual(ALL);
  });

  it('computes request, identity, session and time; everything else is declared and waits', () => {
    const built = specs.filter((spec) => spec.built).map((spec) => spec.name);
    expect(built).toEqual(ALL.filter((name) => LIVE_GROUPS.has(groupOf(name)) && !WAITING.has(name)));
  });

  it('marks what is about a person (policy-language 4)', () => {
    const groups = new Set(['identity', 'session', 'access', 'risk', 'behavior']);
    const expected = ALL.filter(
      (name) => name !== 'identity.authenticated' && (groups.has(groupOf(name)) || ABOUT_A_PERSON_ELSEWHERE.has(name)),
    );
    expect(specs.filter((spec) => spec.aboutPerson).map((spec) => spec.name)).toEqual(expected);
  });

  it('veils identity, session and access for the second judgement', () => {
    const veiled = specs.filter((spec) => spec.veiledForLogin).map((spec) => groupOf(spec.name));
    expect([...new Set(veiled)]).toEqual(['identity', 'access', 'session']);
    expect(catalogue.attributes.get('identity.authenticated')?.veiledForLogin).toBe(true);
  });

  it('never lets what a client can withhold be absent (policy-language 7)', () => {
    for (const spec of specs) {
      if (!/^(device|risk|behavior|session|threat)\./.test(spec.name) || spec.type === 'version') continue;
      expect(spec.mayBeAbsent, spec.name).toBe(false);
    }
  });

  it('keeps size, headers and query out of the decision cache, and ages only with an origin', () => {
    const uncached = specs.filter((spec) => spec.scope === 'uncached').map((spec) => spec.name);
    expect(uncached).toEqual(['request.query.*', 'request.header.*', 'request.size']);
    for (const spec of specs) {
      expect(spec.scope === 'time', spec.name).toBe(spec.time !== 'none');
      expect(spec.origin !== undefined, spec.name).toBe(spec.time === 'age');
    }
  });

  it('folds case in the path and what is taken from it only', () => {
    expect(specs.filter((spec) => spec.foldsCase).map((spec) => spec.name)).toEqual([
      'request.path',
      'request.params.*',
    ]);
  });

  it.each(specs)('$name has an example of its type and within its vocabulary', (spec) => {
    const { example, type } = spec;
    const fits = {
      string: typeof example === 'string',
      number: typeof example === 'number',
      duration: /^\d+(ms|s|m|h|d)$/.test(String(example)),
      instant: Number.isFinite(Date.parse(String(example))),
      date: /^\d{4}-\d\d-\d\d$/.test(String(example)),
      boolean: typeof example === 'boolean',
      list: Array.isArray(example),
      address: typeof example === 'string',
      version: /^\d+(\.\d+)*$/.test(String(example)),
      level: (LEVELS as readonly unknown[]).includes(example),
    };
    expect(fits[type]).toBe(true);
    if (spec.values !== undefined) expect(spec.values).toEqual(expect.arrayContaining([example].flat()));
  });
});

describe('every reader', () => {
  const site = { key: 'x', timeZone: 'UTC' };

  it.each(specs.filter((spec) => !spec.built))('$name is unknown while nothing computes it', (spec) => {
    expect(spec.bind(site)(somebody())).toBe(unknown);
    expect(spec.bind(site)(nobody())).toBe(unknown);
  });

  it.each(specs.filter((spec) => spec.aboutPerson))('$name is unknown on a request of nobody', (spec) => {
    expect(spec.bind(site)(nobody())).toBe(unknown);
  });

  it.each(specs)('$name never throws, whatever is missing', (spec) => {
    const poor = { at: Number.NaN, clientAddress: '', contentLength: undefined, query: '?%' };
    for (const key of [undefined, '', '__proto__', 'x']) {
      for (const timeZone of ['UTC', 'Nowhere/Land']) {
        const reader = spec.bind({ key, timeZone });
        for (const context of [nobody(poor), somebody(poor), somebody(poor, { session: undefined })]) {
          expect(() => reader(context)).not.toThrow();
        }
      }
    }
  });
});

describe('what the language asks of a context', () => {
  it('tells who is there, the proofs and the instant', () => {
    const proofs = [{ method: 'password', level: 'none', at: NOON } as const];
    expect(catalogue.authenticated(nobody())).toBe(false);
    expect(catalogue.authenticated(somebody({}, { session: undefined, subject: ann }))).toBe(true);
    expect(catalogue.proofs(somebody({}, { session: { ...session, proofs } }))).toBe(proofs);
    expect(catalogue.proofs(nobody())).toEqual([]);
    expect(catalogue.now(nobody())).toBe(NOON);
  });
});

describe('attributeTable', () => {
  const lines = attributeTable(catalogue).split('\n');

  it('has one row of eight cells for each attribute', () => {
    expect(lines.at(-1)).toBe('');
    expect(lines.length).toBe(catalogue.attributes.size + 3);
    for (const line of lines.slice(0, -1)) expect(line.split(/(?<!\\)\|/).length, line).toBe(10);
  });

  it('says type, unit, vocabulary and whether it is computed', () => {
    expect(lines).toContain(
      '| `request.scheme` | string | what the client speaks, as far as the socket or a trusted proxy tells. One of `http`, `https` | `https` |  |  | socket or trusted proxy | yes |',
    );
    expect(lines.find((line) => line.includes('`geo.speed_kmh`'))).toMatch(
      /number, km\/h .* \| yes \| yes \| .* \| not yet: unknown \|$/,
    );
  });

  it('escapes what would end a cell', () => {
    const spec = { ...(specs[0] as (typeof specs)[0]), meaning: 'this | that' };
    expect(attributeTable({ attributes: new Map([[spec.name, spec]]) })).toContain('this \\| that');
  });
});
