import type { RequestFacts } from '../../src/core/facts.ts';
import { foldHeaderName } from '../../src/core/header-names.ts';
import type { Session } from '../../src/core/session.ts';
import type { Reading } from '../../src/core/signal.ts';
import type { Access, Subject } from '../../src/core/subject.ts';
import type { RequestContext } from '../../src/signals/context.ts';
import { catalogue } from '../../src/signals/index.ts';

/** Sunday, 29 March 2026, 12:00 UTC */
export const NOON = Date.UTC(2026, 2, 29, 12);
export const HOUR = 3_600_000;

export const ann: Subject = {
  user: 'staff:ann',
  provider: 'staff',
  sub: 'ann',
  kind: 'person',
  email: 'ann@example.com',
  emailVerified: true,
  name: 'Ann',
  groups: ['finance', 'audit'],
  roles: ['employee'],
  acr: undefined,
  claims: new Map<string, string | number | boolean | readonly string[]>([
    ['department', 'engineering'],
    ['level', 7],
    ['contractor', false],
    ['sites', ['berlin', 'porto']],
    ['site', ['berlin']],
    ['nothing', []],
  ]),
};

export const session: Session = {
  id: 'ses_abc',
  partition: 'p1',
  subject: ann,
  createdAt: NOON - 2 * HOUR,
  lastActivityAt: NOON - HOUR,
  absoluteExpiryAt: NOON + 6 * HOUR,
  proofs: [],
  address: '192.0.2.7',
  userAgent: 'Browser/1',
  ended: undefined,
};

export const plainFacts: RequestFacts = {
  kind: 'facts',
  id: 'aaaaaaaaaaaaaaaaaaaaaaaaaa',
  at: NOON,
  method: 'GET',
  scheme: 'https',
  httpVersion: '1.1',
  host: 'wiki.example.com',
  authority: 'wiki.example.com:8443',
  path: '/a%20b',
  decodedPath: '/a b',
  query: '',
  oddities: 0,
  headers: [],
  headerNames: [],
  sessionCookie: undefined,
  loginCookie: undefined,
  deviceCookie: undefined,
  bearerToken: undefined,
  clientAddress: '192.0.2.7',
  forwardedFor: '192.0.2.7',
  peerAddress: '192.0.2.7',
  viaTrustedProxy: false,
  body: 'none',
  contentLength: 0,
  isUpgrade: false,

  traceparent: undefined,
};

export const withHeaders = (...headers: string[]): Partial<RequestFacts> => ({
  headers,
  headerNames: headers.filter((_, at) => at % 2 === 0).map(foldHeaderName),
});

/** A request of nobody; `facts` and the rest on top of the plain ones. */
export const nobody = (facts: Partial<RequestFacts> = {}, rest: Partial<RequestContext> = {}): RequestContext => ({
  facts: { ...plainFacts, ...facts },
  params: new Map(),
  subject: undefined,
  access: undefined,
  session: undefined,
  lastActivityAt: 0,
  elevation: { none: Number.POSITIVE_INFINITY, low: 8 * HOUR, medium: HOUR, high: HOUR / 4 },
  ...rest,
});

/** What roles.yaml makes of Ann. */
export const access: Access = { roles: ['employee', 'manager'], permissions: ['documents.read.own'] };

/** A request of Ann with a session. */
export const somebody = (facts: Partial<RequestFacts> = {}, rest: Partial<RequestContext> = {}): RequestContext =>
  nobody(facts, { subject: ann, access, session, lastActivityAt: session.lastActivityAt, ...rest });

/** Reads an attribute as a policy would that mentions it: `request.header.accept` binds the family `request.header.*`. */
export function read(name: string, context: RequestContext, timeZone = 'UTC'): Reading {
  const plain = catalogue.attributes.get(name);
  if (plain !== undefined) return plain.bind({ key: undefined, timeZone })(context);
  const [group, family, ...key] = name.split('.');
  const attribute = catalogue.attributes.get(`${group}.${family}.*`);
  if (attribute === undefined) throw new Error(`no attribute ${name}`);
  return attribute.bind({ key: key.join('.'), timeZone })(context);
}
