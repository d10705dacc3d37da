import type { Attribute } from '../core/attribute.ts';
import { METHODS } from '../core/decision.ts';
import { absent, type Reading, Repeated, unknown } from '../core/signal.ts';
import type { Subject } from '../core/subject.ts';
import type { RequestContext } from './context.ts';
import { type LiveDeclaration, live, readUnknown } from './declare.ts';
import { assurance, methods, provedAt } from './proofs.ts';

type Plain = Pick<LiveDeclaration, 'name' | 'type' | 'meaning' | 'example' | 'source' | 'mayBeAbsent' | 'values'>;

/** An attribute that is a field of the subject: about a person, and the same as long as the credential is. */
const ofSubject = (declaration: Plain, read: (subject: Subject) => Reading): Attribute<RequestContext> =>
  live({
    ...declaration,
    aboutPerson: true,
    scope: 'credential',
    // `live` has made sure that somebody is there; the second check is for the type
    read: ({ subject }) => (subject === undefined ? unknown : read(subject)),
  });

/** Who asks, and how well they proved it. */
export const identityAttributes: readonly Attribute<RequestContext>[] = [
  live({
    name: 'identity.authenticated',
    type: 'boolean',
    meaning: 'somebody is authenticated',
    example: true,
    source: 'credential',
    scope: 'credential',
    read: ({ subject }) => subject !== undefined,
  }),
  ofSubject(
    {
      name: 'identity.sub',
      type: 'string',
      meaning: 'name of the account, unique within its provider',
      example: 'ann',
      source: 'account or token',
    },
    (subject) => subject.sub,
  ),
  ofSubject(
    {
      name: 'identity.email',
      type: 'string',
      meaning: 'e-mail address; trust it only as far as email_verified goes',
      example: 'ann@example.com',
      source: 'account or token',
      mayBeAbsent: true,
    },
    (subject) => subject.email ?? absent,
  ),
  ofSubject(
    {
      name: 'identity.email_verified',
      type: 'boolean',
      meaning: 'the provider says that it verified the address',
      example: true,
      source: 'account or token',
      mayBeAbsent: true,
    },
    (subject) => subject.emailVerified ?? absent,
  ),
  ofSubject(
    {
      name: 'identity.groups',
      type: 'list',
      meaning: 'groups of the account',
      example: ['finance', 'audit'],
      source: 'account or token',
    },
    (subject) => subject.groups,
  ),
  live({
    name: 'identity.roles',
    type: 'list',
    meaning: 'roles of the account, and those that roles.yaml gives its groups and itself, inherited ones included',
    example: ['employee'],
    source: 'account or token, roles.yaml',
    aboutPerson: true,
    scope: 'credential',
    read: ({ access }) => access?.roles ?? unknown,
  }),
  live({
    name: 'identity.permissions',
    type: 'list',
    meaning: 'permissions that the roles give, inherited ones included',
    example: ['documents.read.own'],
    source: 'roles.yaml',
    aboutPerson: true,
    scope: 'credential',
    read: ({ access }) => access?.permissions ?? unknown,
  }),
  ofSubject(
    {
      name: 'identity.provider',
      type: 'string',
      meaning: 'id of the provider that vouches for the account',
      example: 'staff',
      source: 'configuration',
    },
    (subject) => subject.provider,
  ),
  live({
    name: 'identity.assurance',
    type: 'level',
    meaning: 'level of the strongest proof that still counts',
    example: 'medium',
    source: 'proofs of the session',
    aboutPerson: true,
    cost: 'cheap',
    scope: 'credential',
    read: assurance,
  }),
  live({
    name: 'identity.amr',
    type: 'list',
    meaning: 'methods of the proofs that still count',
    values: METHODS,
    example: ['password', 'totp'],
    source: 'proofs of the session',
    aboutPerson: true,
    cost: 'cheap',
    scope: 'credential',
    read: methods,
  }),
  live({
    name: 'identity.auth_age',
    type: 'duration',
    unit: 'ms',
    meaning: 'age of the youngest proof at the level that assurance names; unknown without one',
    example: '15m',
    source: 'proofs of the session',
    aboutPerson: true,
    cost: 'cheap',
    scope: 'time',
    time: 'age',
    read: (context) => {
      const age = context.facts.at - provedAt(context);
      // Number.isNaN, not a comparison: an age that is no number must not look young
      return Number.isNaN(age) ? unknown : Math.max(0, age);
    },
    origin: provedAt,
  }),
  ofSubject(
    {
      name: 'identity.acr',
      type: 'string',
      meaning: 'authentication context, in the provider’s own words',
      example: 'urn:example:gold',
      source: 'token',
      mayBeAbsent: true,
    },
    (subject) => subject.acr ?? absent,
  ),
  live({
    name: 'identity.claims.*',
    type: 'string',
    meaning: 'further claim, as text; a list is compared as a name that occurs several times',
    example: 'engineering',
    source: 'account or token',
    mayBeAbsent: true,
    aboutPerson: true,
    scope: 'credential',
    bind: ({ key }) => (key === undefined ? readUnknown : ({ subject }) => claim(subject?.claims.get(key))),
  }),
  ofSubject(
    {
      name: 'identity.kind',
      type: 'string',
      meaning: 'a person, or a program with an account of its own',
      values: ['person', 'service'],
      example: 'person',
      source: 'account or token',
    },
    (subject) => subject.kind,
  ),
];

/** An empty list holds nothing to compare, which is what absent means. */
function claim(value: string | number | boolean | readonly string[] | undefined): Reading {
  if (value === undefined) return absent;
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  const [first] = value;
  if (first === undefined) return absent;
  return value.length === 1 ? first : new Repeated(value);
}
