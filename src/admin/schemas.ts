import Type, { type TSchema } from 'typebox';
import { BLOCK_KINDS } from '../core/block.ts';
import { LEVELS, METHODS } from '../core/decision.ts';
import { Duration, Flag, List, Name, OneOf, optional, Section, Text, Whole, withDefault } from '../schema/types.ts';
import { PROBLEMS, type ProblemReason } from './problem.ts';

/** The schema of that name among `COMPONENTS`, by reference. */
const ref = (name: string): TSchema => Type.Unsafe({ $ref: `#/components/schemas/${name}` });
const nullable = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
const text = (description: string): TSchema => Type.String({ description });
const instant = (description: string): TSchema => Type.String({ format: 'date-time', description });
const count = (description: string): TSchema => Type.Integer({ minimum: 0, description });

const USER = 'A user: `provider:name`, or the name alone where only one provider has it.';

/** What may stand in a path, a query and a body. Anything else is refused. */
export const sessionPath = Section(
  { id: Type.String({ pattern: '^ses_[A-Za-z0-9_-]{1,64}$', description: 'Public id of a session.' }) },
  { description: 'Which session.' },
);
export const userPath = Section(
  { user: Type.String({ minLength: 1, maxLength: 512, description: USER }) },
  { description: 'Which user.' },
);
const page = {
  limit: withDefault(Whole(1, 1000, { description: 'At most so many.' }), 100),
  cursor: optional(
    Type.String({ minLength: 1, maxLength: 512, description: '`next_cursor` of the page before: go on after it.' }),
  ),
};
export const pageQuery = Section(page, { description: 'Which part of a list.' });
export const sessionsQuery = Section(
  { ...page, user: optional(Type.String({ minLength: 1, maxLength: 512, description: `Of this user only. ${USER}` })) },
  { description: 'Which sessions.' },
);
export const sessionsOfQuery = Section(
  { user: Type.String({ minLength: 1, maxLength: 512, description: USER }) },
  { description: 'Whose sessions.' },
);
export const blockPath = Section(
  { id: Type.String({ pattern: '^blk_[A-Za-z0-9_-]{1,64}$', description: 'Public id of a block.' }) },
  { description: 'Which block.' },
);
const kindOfBlock = OneOf(BLOCK_KINDS, {
  description: 'What is blocked: `address`, `user`, `session`, `device`, or `token`, one of a provider of type `jwt`.',
});
const named = (maxLength: number, description: string) =>
  optional(Type.String({ minLength: 1, maxLength, description }));
const subjectOfBlock = {
  kind: kindOfBlock,
  network: named(64, 'Which addresses: `203.0.113.0/24`, `2001:db8::/32`, or one.'),
  user: named(512, USER),
  session: named(64, 'Public id of the session, `ses_…`.'),
  device: named(64, 'Public id of the device, `dev_…`, as its sessions show it.'),
  provider: optional(Name({ description: 'Id of the provider whose token it is.' })),
  jti: optional(Type.String({ minLength: 1, maxLength: 256, description: '`jti` of the token.' })),
};
export const blockBody = Section(
  {
    ...subjectOfBlock,
    token: optional(
      Type.String({
        minLength: 1,
        maxLength: 8192,
        'x-secret': true,
        description:
          'The token itself, instead of `provider` and `jti`; they and `until` are read from it, unverified. It is not kept.',
      }),
    ),
    until: optional(
      Type.String({
        maxLength: 64,
        format: 'date-time',
        description:
          'When it ends. Left out: of a token with its `exp`, or after the provider’s `max_age`; others do not end by themselves.',
      }),
    ),
    for: optional(Duration({ description: 'How long, instead of `until`: `15m`.' })),
    force: withDefault(Flag({ description: 'Block the address although loopback, or whoever asks, is in it.' }), false),
    reason: withDefault(Type.String({ maxLength: 256, description: 'Why, for whoever reads the list.' }), ''),
  },
  { description: 'What to block, and until when.' },
);
export const blocksQuery = Section(
  { ...page, kind: optional(OneOf(BLOCK_KINDS, { description: 'Of this kind only.' })) },
  { description: 'Which blocks.' },
);
export const noBody = Section({}, { description: 'Nothing, or an empty map.' });
export const checkBody = Section(
  {
    files: Type.Array(
      Section(
        {
          file: Type.String({
            minLength: 1,
            maxLength: 255,
            pattern: '^[^\\u0000-\\u001f\\u007f]*$',
            description: 'Name of the file; findings repeat it. `*.test.yaml` holds tests, `roles.yaml` roles.',
          }),
          text: Type.String({ description: 'What the file holds.' }),
        },
        { description: 'One file.' },
      ),
      { minItems: 1, maxItems: 100, description: 'Policies and what belongs to them.' },
    ),
  },
  { description: 'A directory of policies.' },
);
const names = (description: string) => withDefault(List(Text({ description: 'An attribute.' }), { description }), []);
export const explainBody = Section(
  {
    method: Type.String({ pattern: '^[A-Za-z][A-Za-z-]{0,31}$', description: 'GET, POST, …' }),
    url: Text({ description: 'https://host/path, or /path for the first host that a route names.' }),
    as: optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description: 'Who asks: an account, or a bare name. Left out: nobody.',
      }),
    ),
    from: withDefault(Type.String({ maxLength: 64, description: 'Address of the client.' }), '192.0.2.1'),
    headers: withDefault(
      Type.Array(Text({ description: '`Name: value`.' }), { maxItems: 100, description: 'Headers of the request.' }),
      [],
    ),
    set: withDefault(
      Type.Record(Type.String(), Type.Unknown(), { maxProperties: 100, description: 'Values of attributes.' }),
      {},
    ),
    absent: names('Attributes that are absent.'),
    unknown: names('Attributes that are unknown.'),
  },
  { description: 'A request, and what is to be different from what the gateway would find.' },
);

const finding = {
  file: text('As it was named.'),
  line: Type.Integer({ minimum: 1, description: '1 when it is about the file as a whole.' }),
  column: Type.Integer({ minimum: 1 }),
  code: text('Stable, kebab-case.'),
  severity: OneOf(['error', 'warning'], { description: 'Errors keep a set from coming into force.' }),
  message: text('A sentence.'),
  suggestion: optional(text('What to write instead.')),
};
const tri = OneOf(['true', 'false', 'unknown'], { description: 'Three-valued.' });
const open = (properties: Parameters<typeof Type.Object>[0], description: string): TSchema =>
  Type.Object(properties, { description });
const oneOf = (schemas: TSchema[], description: string): TSchema => Type.Union(schemas, { description });

/** The schemas of answers, by their names in the published description. */
export const COMPONENTS = {
  Problem: Section(
    {
      type: text('`urn:sallyport:problem:` and the reason.'),
      title: text('A few words.'),
      status: Type.Integer({ description: 'The status of the answer.' }),
      detail: text('A sentence.'),
      reason: OneOf(Object.keys(PROBLEMS) as ProblemReason[], { description: 'Stable; what programs look at.' }),
      errors: optional(
        Type.Array(
          Section(
            { pointer: text('JSON pointer, or `?` and the name of a parameter.'), detail: text('A sentence.') },
            { description: 'One thing that is wrong.' },
          ),
        ),
      ),
      candidates: optional(Type.Array(text('A user.'))),
    },
    { description: 'Why something was not done (RFC 9457).' },
  ),
  Session: Section(
    {
      id: text('Public id, `ses_…`; not a secret.'),
      user: text('`provider:name`.'),
      created: instant('When it began.'),
      last_activity: instant('Last request, up to half a minute late.'),
      expires: instant('When it ends whatever happens.'),
      address: text('Where it was made from.'),
      user_agent: text('What the browser called itself.'),
      device: nullable(text('Public id of the browser, `dev_…`; null where there is none.')),
    },
    { description: 'A live session.' },
  ),
  SessionList: Section(
    { sessions: Type.Array(ref('Session')), next_cursor: nullable(text('Ask with it for the next page.')) },
    { description: 'By id.' },
  ),
  Revoked: Section({ revoked: count('How many were live.'), user: text('Whose.') }, { description: 'What was ended.' }),
  User: Section(
    {
      user: text('`provider:name`.'),
      provider: text('Id of the provider.'),
      name: text('User name; never given to somebody else.'),
      email: nullable(text('As an administrator entered it.')),
      groups: Type.Array(Type.String()),
      roles: Type.Array(Type.String()),
      disabled: Flag({ description: 'Cannot sign in.' }),
      created: instant('When the account was made.'),
    },
    { description: 'A local account.' },
  ),
  UserList: Section(
    { users: Type.Array(ref('User')), next_cursor: nullable(text('Ask with it for the next page.')) },
    { description: 'In an order of the store, which no account ever leaves.' },
  ),
  UserChange: Section(
    {
      user: text('`provider:name`.'),
      action: OneOf(['user_disable', 'user_enable'], { description: 'What was done, as in the audit log.' }),
      sessions_ended: count('How many of the user’s sessions ended.'),
    },
    { description: 'What was changed.' },
  ),
  Unlocked: Section(
    {
      user: text('`provider:name`.'),
      action: OneOf(['user_unlock'], { description: 'What was done, as in the audit log.' }),
      counters_cleared: count('Counters of attempts that were there: passwords and codes, by network and device.'),
    },
    { description: 'What was forgotten.' },
  ),
  Block: Section(
    {
      id: text('Public id, `blk_…`; the same subject has always the same.'),
      ...subjectOfBlock,
      created: instant('When it was made or last renewed.'),
      until: nullable(
        instant('When it ends; of a token up to five minutes later, for clocks that differ. Null: it does not.'),
      ),
      by: text('Who did it.'),
      reason: text('In their words; may be empty.'),
    },
    { description: 'A block in force.' },
  ),
  BlockList: Section(
    { blocks: Type.Array(ref('Block')), next_cursor: nullable(text('Ask with it for the next page.')) },
    { description: 'By id.' },
  ),
  Finding: Section(finding, { description: 'One problem of a file.' }),
  CheckReport: Section(
    {
      findings: Type.Array(ref('Finding')),
      tests: Type.Array(
        Section(
          {
            file: text('Where it stands.'),
            policy: text('What it tests.'),
            name: text('Its name.'),
            passed: Flag({ description: 'As expected.' }),
            expected: text('The answer that it asks for.'),
            got: text('The answer.'),
          },
          { description: 'A test beside a policy.' },
        ),
      ),
      summary: Section(
        {
          errors: count('Findings that are errors.'),
          warnings: count('Findings that are warnings.'),
          passed: count('Tests that passed.'),
          failed: count('Tests that failed.'),
        },
        { description: 'Counted.' },
      ),
    },
    { description: 'As `sallyport check --json` prints it.' },
  ),
  RuleRef: open(
    { policy: Type.String(), rule: Type.String(), file: Type.String(), line: Type.Integer() },
    'Where a rule stands.',
  ),
  Need: open(
    {
      level: OneOf(LEVELS, { description: 'Assurance that is missing.' }),
      max_age: optional(Type.Number({ description: 'Seconds.' })),
      any_of: optional(Type.Array(OneOf(METHODS, { description: 'A method.' }))),
      all_of: Type.Array(OneOf(METHODS, { description: 'A method.' })),
    },
    'What a step-up asks for.',
  ),
  Decision: oneOf(
    [
      open({ effect: OneOf(['allow'], { description: 'Forwarded.' }), rule: optional(ref('RuleRef')) }, 'Allowed.'),
      open(
        {
          effect: OneOf(['step_up'], { description: 'A stronger proof is asked for.' }),
          reason: text('Stable code.'),
          rule: ref('RuleRef'),
          need: ref('Need'),
        },
        'More is needed.',
      ),
      open(
        {
          effect: OneOf(['login', 'deny'], { description: 'Nobody is signed in, or it is not allowed.' }),
          reason: text('Stable code.'),
          rule: optional(ref('RuleRef')),
        },
        'Not as it is.',
      ),
    ],
    'The decision.',
  ),
  Condition: oneOf(
    [
      open(
        {
          kind: OneOf(['atom'], { description: 'One comparison.' }),
          result: tri,
          line: Type.Integer(),
          column: Type.Integer(),
          attribute: Type.String(),
          operator: Type.String(),
          operand: Type.String(),
          values: Type.Array(open({ attribute: Type.String(), value: Type.String() }, 'What was read.')),
        },
        'A comparison with what was read.',
      ),
      open(
        {
          kind: OneOf(['all', 'any', 'not', 'is'], { description: 'How its parts are joined.' }),
          result: tri,
          line: Type.Integer(),
          column: Type.Integer(),
          name: optional(text('Of a named condition.')),
          of: Type.Array(ref('Condition')),
        },
        'Several.',
      ),
    ],
    'A condition with what made it so.',
  ),
  ExplainedRule: open(
    {
      policy: Type.String(),
      rule: Type.String(),
      effect: OneOf(['allow', 'deny', 'step_up'], { description: 'Of the rule.' }),
      file: Type.String(),
      line: Type.Integer(),
      result: tri,
      fires: Flag({ description: 'It has its effect.' }),
      met: optional(Flag({ description: 'The proofs of the session meet a step-up.' })),
      condition: optional(ref('Condition')),
    },
    'A rule with its result.',
  ),
  ShownRequest: open(
    {
      method: Type.String(),
      host: Type.String(),
      path: Type.String(),
      route: nullable(Type.String()),
      as: nullable(Type.String()),
    },
    'As the gateway reads it.',
  ),
  Explanation: oneOf(
    [
      open(
        {
          request: open({ method: Type.String(), host: Type.String(), url: Type.String() }, 'As it was asked.'),
          refused: open({ status: Type.Integer(), reason: Type.String(), detail: Type.String() }, 'With what.'),
        },
        'The request is refused before any policy is asked.',
      ),
      open(
        { request: ref('ShownRequest'), own: Flag({ description: 'Always true.' }) },
        'An endpoint of the gateway itself: no policy is asked.',
      ),
      open(
        {
          request: ref('ShownRequest'),
          sensitivity: Type.String(),
          decision: ref('Decision'),
          authenticated: Flag({ description: 'Somebody asks.' }),
          implicit_allow: Flag({ description: 'A public route.' }),
          rules: Type.Array(ref('ExplainedRule')),
          login: optional(Type.Array(ref('ExplainedRule'))),
        },
        'What is decided, and why.',
      ),
    ],
    'As `sallyport explain --json` prints it.',
  ),
  Health: Section(
    {
      status: OneOf(['ready', 'not_ready', 'draining'], { description: 'Whether it takes work.' }),
      reasons: Type.Array(text('What is missing.')),
      version: text('Of the gateway.'),
    },
    { description: 'How the gateway is.' },
  ),
  Description: open({ openapi: Type.String(), info: Type.Unknown(), paths: Type.Unknown() }, 'This description.'),
} as const satisfies Readonly<Record<string, TSchema>>;
