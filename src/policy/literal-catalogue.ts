import type { Attribute, AttributeSpec, Catalogue } from '../core/attribute.ts';
import { LEVELS, METHODS, type Proof } from '../core/decision.ts';
import { absent, PartialList, type Reading, unknown } from '../core/signal.ts';
import { literalName } from './names.ts';

/** A request as a test describes it. Nothing is computed: what `given` does not name is absent. */
export interface Literal {
  /** by literal name */
  readonly given: ReadonlyMap<string, Reading>;
  readonly authenticated: boolean;
  readonly proofs: readonly Proof[];
  /** wall-clock ms */
  readonly now: number;
}

/** The request that a test's `given` stands for: an identity with a `sub` is authenticated, GET and the epoch are the defaults. */
export function literalOf(given: ReadonlyMap<string, Reading>): Literal {
  const stated = given.get('identity.authenticated');
  const authenticated = stated === undefined ? typeof given.get('identity.sub') === 'string' : stated === true;
  const time = given.get('time.now');
  const now = typeof time === 'number' ? time : 0;
  const all = new Map(given);
  if (!all.has('request.method')) all.set('request.method', 'GET');
  if (!all.has('time.now')) all.set('time.now', 0);
  if (!all.has('identity.authenticated')) all.set('identity.authenticated', authenticated);
  const read = (name: string): Reading => given.get(name) ?? absent;
  const proofs = authenticated
    ? describedProofs(read('identity.assurance'), read('identity.auth_age'), read('identity.amr'), now)
    : [];
  return { given: all, authenticated, proofs, now };
}

/**
 * The proofs that three attributes describe (policy-language 3): one for each word of `amr` at that level and age; no
 * `amr`: one without a method; no age: fresh; no level: `none`. If one of them is unknown there are none, so that a
 * step-up counts as unmet.
 */
export function describedProofs(assurance: Reading, authAge: Reading, amr: Reading, now: number): Proof[] {
  if (assurance === unknown || authAge === unknown || amr === unknown) return [];
  const level = LEVELS.find((each) => each === assurance) ?? 'none';
  const at = now - (typeof authAge === 'number' ? authAge : 0);
  const words = amr instanceof PartialList ? amr.certain : Array.isArray(amr) ? (amr as readonly string[]) : [];
  const methods = METHODS.filter((method) => words.includes(method));
  if (words.length === 0) return [{ method: undefined, level, at }];
  return methods.map((method) => ({ method, level, at }));
}

/** The attributes of a catalogue over literal requests: the same names, types and rules, values as given. */
export function literalCatalogue<C>(catalogue: Catalogue<C>): Catalogue<Literal> {
  const attributes = new Map<string, Attribute<Literal>>();
  for (const [name, attribute] of catalogue.attributes) attributes.set(name, literalAttribute(attribute));
  return {
    attributes,
    authenticated: (context) => context.authenticated,
    proofs: (context) => context.proofs,
    now: (context) => context.now,
  };
}

function literalAttribute(spec: AttributeSpec): Attribute<Literal> {
  const { name, type, unit, meaning, values, example, mayBeAbsent, aboutPerson, veiledForLogin } = spec;
  const { source, cost, built, scope, time, foldsCase } = spec;
  return {
    ...{
      name,
      type,
      meaning,
      example,
      mayBeAbsent,
      aboutPerson,
      veiledForLogin,
      source,
      cost,
      built,
      scope,
      time,
      foldsCase,
    },
    ...(unit === undefined ? {} : { unit }),
    ...(values === undefined ? {} : { values }),
    bind: ({ key }) => {
      const written = key === undefined ? name : name.slice(0, -1) + key;
      const known = literalName({ written, name, key, type });
      return (context) => context.given.get(known) ?? absent;
    },
  };
}
