import { type TSchema, Type } from 'typebox';
import { SCOPES } from './roles.ts';

const closed = { additionalProperties: false } as const;

/** Of permissions, resources and actions: they stand in policies and in the audit log. */
export const WORD = '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$';
/** Of roles and groups: whatever an account or a provider may call them, on one line, without space around it. */
export const LINE = '^[^\\s\\u0000-\\u001f\\u007f](?:[^\\u0000-\\u001f\\u007f]{0,126}[^\\s\\u0000-\\u001f\\u007f])?$';
/** Id of a provider, as the configuration has them. */
export const PROVIDER = '[a-z][a-z0-9-]{0,62}';
const GROUP = `^(?:${PROVIDER}:)?${LINE.slice(1)}`;

const word = (description: string, example: string): TSchema =>
  Type.String({ pattern: WORD, description, examples: [example], 'x-expects': `a name such as ${example}` });
const list = (item: TSchema, description: string): TSchema =>
  Type.Optional(Type.Array(item, { uniqueItems: true, description, 'x-expects': 'a list' }));
const map = (properties: Record<string, TSchema>): TSchema =>
  Type.Object(properties, { ...closed, 'x-expects': 'a map' });

const permission = map({
  resource: word('What it is about; policies say it as `resource: { type }`.', 'documents'),
  subresource: Type.Optional(word('A part of it that is permitted by itself.', 'comments')),
  action: word('What may be done with it; policies say which methods that is.', 'read'),
  scope: Type.Unsafe({
    enum: [...SCOPES],
    description: 'own: what belongs to the person; team: to one of the person’s groups; all: everything.',
  }),
});

const line = (description: string): TSchema =>
  Type.String({ pattern: LINE, description, 'x-expects': 'a name of at most 128 characters without space around it' });

const members = map({
  groups: list(
    Type.String({
      pattern: GROUP,
      description: 'PROVIDER:GROUP, or a group alone: that of whichever provider says it.',
      examples: ['staff:leads'],
      'x-expects': 'PROVIDER:GROUP, or a group alone, of at most 128 characters without space around it',
    }),
    'Everybody in one of these groups has the role. A group whose name has a colon needs its provider before it.',
  ),
  users: list(
    Type.String({ minLength: 1, maxLength: 512, examples: ['staff:ann'] }),
    'These have it: PROVIDER:NAME, so that nobody of the same name at another provider does.',
  ),
});

const role = map({
  description: Type.Optional(Type.String()),
  inherits: list(line('A role of this file.'), 'Whoever has this role has these as well, with what they permit.'),
  permissions: list(Type.String({ description: 'A permission of this file.' }), 'What the role itself permits.'),
});

/** What differs between the schema that loading checks with and the one that editors complete with. */
export interface RolesParts {
  /** loading looks at the names itself, and explains better what is wrong with one */
  readonly checksNames: boolean;
  /** keys of later versions: loading lets them pass, so that it can say that they are not available yet */
  readonly later: Readonly<Record<string, TSchema>>;
}

/** Schema of `roles.yaml`. */
export function rolesShape({ checksNames, later }: RolesParts): TSchema {
  const named = (pattern: string, item: TSchema, description: string): TSchema =>
    Type.Optional(
      Type.Unsafe({
        type: 'object',
        ...(checksNames ? { propertyNames: { pattern } } : {}),
        additionalProperties: item,
        description,
        'x-expects': 'a map',
      }),
    );
  return Type.Object(
    {
      version: Type.Unsafe<number>({ const: 1, description: 'The version of the policy language.' }),
      permissions: named(WORD, permission, 'What can be permitted, by name.'),
      members: named(LINE, members, 'Who has a role, besides those whose account or provider says so.'),
      roles: named(LINE, role, 'The roles, by name.'),
      ...later,
    },
    closed,
  );
}
