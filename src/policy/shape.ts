import { type TSchema, Type } from 'typebox';
import { METHODS } from '../core/decision.ts';
import { REASON_PATTERN } from '../core/reasons.ts';
import { SENSITIVITIES } from './syntax.ts';

/** Policies and rules are named in answers, logs and metrics. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$';

/** What differs between the schema that loading checks with and the one that editors complete with. */
export interface ShapeParts {
  readonly when: TSchema;
  readonly given: TSchema;
  readonly level: TSchema;
  readonly duration: TSchema;
  /** keys of later versions: loading lets them pass, so that it can say that they are not available yet */
  readonly later: Readonly<Record<string, TSchema>>;
  readonly laterInRules: Readonly<Record<string, TSchema>>;
}

const words = (values: readonly string[], description?: string): TSchema =>
  Type.Unsafe<string>(description === undefined ? { enum: [...values] } : { enum: [...values], description });

const closed = { additionalProperties: false } as const;
const version = Type.Unsafe<number>({ const: 1, description: 'The version of the policy language.' });
const NAME_EXPECTED = 'a name of letters, digits, -, _ and ., beginning with a letter or digit';
const REASON_EXPECTED =
  'a code of lower-case letters, digits and _, beginning with a letter, such as country_restriction';
const policyName = Type.String({
  pattern: NAME_PATTERN,
  'x-expects': NAME_EXPECTED,
  description: 'The name by which routes refer to this policy.',
  examples: ['finance'],
});

/** Schema of one item of `tests:`. */
const testShape = (parts: ShapeParts): TSchema =>
  Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 300, description: 'A sentence that says what must hold.' }),
      given: Type.Optional(parts.given),
      expect: Type.Object(
        {
          effect: words(['allow', 'deny', 'step_up', 'login']),
          rule: Type.Optional(Type.String({ description: 'The rule that the answer must name.' })),
          reason: Type.Optional(Type.String({ pattern: REASON_PATTERN.source, 'x-expects': REASON_EXPECTED })),
        },
        closed,
      ),
    },
    closed,
  );

const ruleShape = (parts: ShapeParts): TSchema => {
  const name = (description: string): TSchema =>
    Type.Optional(Type.String({ pattern: NAME_PATTERN, 'x-expects': NAME_EXPECTED, description }));
  return Type.Object(
    {
      allow: name('Lets the request through when it holds, unless a deny or an unmet step_up fires.'),
      deny: name('Refuses the request when it holds, or when that cannot be determined.'),
      step_up: name('Asks for a stronger or fresher proof when it holds, or when that cannot be determined.'),
      description: Type.Optional(Type.String()),
      reason: Type.Optional(
        Type.String({
          pattern: REASON_PATTERN.source,
          'x-expects': REASON_EXPECTED,
          description: 'A stable code for the answer; policy_denied if left out.',
        }),
      ),
      when: Type.Optional(parts.when),
      unknown: Type.Optional(
        words(['skip'], 'skip: a deny or step_up that does not fire when it cannot be determined.'),
      ),
      require: Type.Optional(
        Type.Object(
          {
            level: Type.Optional(parts.level),
            max_age: Type.Optional(parts.duration),
            methods: Type.Optional(Type.Array(words(METHODS), { minItems: 1, description: 'Any one of these.' })),
            all_of: Type.Optional(Type.Array(words(METHODS), { minItems: 1, description: 'Every one of these.' })),
          },
          { ...closed, minProperties: 1, description: 'What a step_up needs.' },
        ),
      ),
      ...parts.laterInRules,
    },
    closed,
  );
};

/** Schema of a policy file. */
export const policyShape = (parts: ShapeParts): TSchema =>
  Type.Object(
    {
      version,
      policy: policyName,
      description: Type.Optional(Type.String()),
      sensitivity: Type.Optional(words(SENSITIVITIES, 'Scales the risk score of every route that names this policy.')),
      timezone: Type.Optional(
        Type.String({
          description: 'IANA name; hours, weekdays and dates are read in it.',
          examples: ['Europe/Berlin'],
        }),
      ),
      conditions: Type.Optional(
        Type.Record(Type.String(), parts.when, { description: 'Named conditions of this file, used with `is`.' }),
      ),
      rules: Type.Array(ruleShape(parts), { minItems: 1 }),
      tests: Type.Optional(Type.Array(testShape(parts))),
      ...parts.later,
    },
    closed,
  );

/** Schema of a `*.test.yaml` file: tests for a policy that stands elsewhere. */
export const testFileShape = (parts: ShapeParts): TSchema =>
  Type.Object({ version, policy: policyName, tests: Type.Array(testShape(parts), { minItems: 1 }) }, closed);

const anything = Type.Optional(Type.Unknown());
const LATER = ['resource', 'actions', 'mode', 'contextual'] as const;
const OF_ROLES = ['permissions', 'members', 'roles'] as const;
const LATER_IN_RULES = ['mode', 'obligations', 'headers', 'rate_limit', 'recheck', 'audit'] as const;
const loosely = (keys: readonly string[]): Record<string, TSchema> =>
  Object.fromEntries(keys.map((key) => [key, anything]));

/** Keys that the language will have and that a file must not use yet. */
export const LATER_KEYS: readonly string[] = LATER;
export const LATER_RULE_KEYS: readonly string[] = LATER_IN_RULES;
/** Keys of roles.yaml: loading lets them pass, so that it can say where they belong. */
export const ROLES_KEYS: readonly string[] = OF_ROLES;

/** For loading: what depends on the catalogue is left to the type checker, which knows more and explains better. */
export const LOOSE: ShapeParts = {
  when: Type.Unknown(),
  given: Type.Unknown(),
  level: Type.Unknown(),
  duration: Type.Unknown(),
  later: loosely([...LATER, ...OF_ROLES]),
  laterInRules: loosely(LATER_IN_RULES),
};
