import { describedContext, describedFacts } from '../src/app/described-request.ts';
import type { Elevation, Proof } from '../src/core/decision.ts';
import type { Subject } from '../src/core/subject.ts';
import { deriveRoles, type RoleSet } from '../src/policy/roles.ts';
import type { RequestContext } from '../src/signals/context.ts';
import { addressesOf, type RuleSet } from './rules.ts';

/** One request, read by the gateway's own reader, and the only right answer to it. */
export interface Case {
  readonly name: string;
  readonly context: RequestContext;
  readonly effect: 'allow' | 'deny' | 'step_up';
  /** undefined: no rule matched */
  readonly rule: string | undefined;
}

/** Saturday, 28 March 2026, 12:00 UTC: a weekend by day. */
const AT = Date.UTC(2026, 2, 28, 12);
const MINUTE = 60_000;
export const ELEVATION: Elevation = {
  none: Number.POSITIVE_INFINITY,
  low: 480 * MINUTE,
  medium: 60 * MINUTE,
  high: 15 * MINUTE,
};

// the second factor still counts and is no longer fresh
const PROOFS: readonly Proof[] = [
  { method: 'password', level: 'none', at: AT - 90 * MINUTE },
  { method: 'totp', level: 'medium', at: AT - 30 * MINUTE },
];

/** Somebody signed in, in the named areas and a few groups that no rule names. */
const subjectOf = (areas: ReadonlySet<string>): Subject => ({
  user: 'staff:bench',
  provider: 'staff',
  sub: 'bench',
  kind: 'person',
  email: 'bench@example.com',
  emailVerified: true,
  name: 'Bench',
  groups: ['staff', 'berlin', ...areas, ...[...areas].map((area) => `${area}-leads`)],
  roles: ['employee'],
  acr: undefined,
  claims: new Map(),
});

type Asked = readonly [
  method: string,
  path: string,
  effect: Case['effect'],
  rule: string | undefined,
  clientAddress?: string,
];

/** On rules of the first, the middle and the last area; the person is in all three. */
const byPath = (first: string, middle: string, last: string): readonly Asked[] => [
  ['GET', `/${last}/page`, 'allow', `${last}-members-read`],
  ['GET', `/${last}/reports/2026/q1`, 'allow', `${last}-members-read`],
  ['GET', `/${middle}/page`, 'allow', `${middle}-members-read`],
  ['GET', `/${first}/page`, 'allow', `${first}-members-read`],
  ['GET', '/me/devices', 'allow', 'own-page'],
  ['PUT', `/${last}/page`, 'allow', `${last}-editors-write`],
  ['POST', `/${middle}/page`, 'allow', `${middle}-editors-write`],
  ['DELETE', `/${first}/page`, 'allow', `${first}-editors-write`],
  ['GET', `/${last}/ledger/2026`, 'deny', `${last}-ledger-at-weekends`],
  ['GET', `/${middle}/admin/users`, 'deny', `${middle}-admin-from-outside`],
  ['PROPFIND', `/${last}/page`, 'deny', 'unusual-methods'],
  ['GET', '/elsewhere/page', 'deny', undefined],
  ['PUT', '/elsewhere/page', 'deny', undefined],
  ['PUT', `/${last}/settings/mail`, 'step_up', `${last}-fresh-proof-for-settings`],
  ['POST', `/${middle}/settings/mail`, 'step_up', `${middle}-fresh-proof-for-settings`],
  ['DELETE', `/${first}/settings/mail`, 'step_up', `${first}-fresh-proof-for-settings`],
];

/** The person is in the last area only, so that what is allowed is allowed by the last rules. */
const byPerson = (last: string): readonly Asked[] => [
  ['GET', '/page', 'allow', `${last}-members-read`],
  ['GET', '/reports/2026/q1', 'allow', `${last}-members-read`],
  ['HEAD', '/page', 'allow', `${last}-members-read`],
  ['GET', '/me/devices', 'allow', 'own-page'],
  ['POST', '/page', 'allow', `${last}-editors-write`],
  ['PATCH', '/page', 'allow', `${last}-editors-write`],
  ['DELETE', '/page', 'deny', `${last}-no-removal-at-weekends`],
  ['PROPFIND', '/page', 'deny', 'unusual-methods'],
  ['OPTIONS', '/page', 'deny', undefined],
  ['PUT', '/page', 'step_up', `${last}-fresh-proof-to-replace`],
];

/** From the networks of the last area. */
const byNetwork = (last: string, number: number): readonly Asked[] => {
  const [site, guests, old] = addressesOf(number);
  return [
    ['GET', '/page', 'allow', `${last}-site-reads`, site],
    ['GET', '/reports/2026/q1', 'allow', `${last}-site-reads`, site],
    ['HEAD', '/page', 'allow', `${last}-site-reads`, site],
    ['GET', '/me/devices', 'allow', 'own-page', old],
    ['POST', '/page', 'allow', `${last}-site-writes`, site],
    ['PATCH', '/page', 'allow', `${last}-site-writes`, site],
    ['GET', '/page', 'deny', `${last}-guests-at-weekends`, guests],
    ['DELETE', '/page', 'deny', `${last}-old-network`, old],
    ['GET', '/page', 'deny', undefined],
    ['PUT', '/page', 'step_up', `${last}-fresh-proof-to-replace`, site],
  ];
};

function askedOf({ areas, shape }: RuleSet): {
  readonly asked: readonly Asked[];
  readonly ownAreas: ReadonlySet<string>;
} {
  const [first = '', middle = '', last = ''] = [areas[0], areas[Math.floor(areas.length / 2)], areas.at(-1)];
  switch (shape) {
    case 'by path':
      return { asked: byPath(first, middle, last), ownAreas: new Set([first, middle, last]) };
    case 'by person':
      return { asked: byPerson(last), ownAreas: new Set([last]) };
    case 'by network':
      return { asked: byNetwork(last, areas.length - 1), ownAreas: new Set([last]) };
  }
}

/**
 * Requests of all outcomes. What is right follows from how the rules are built, not from the engine that is measured.
 */
export function casesOf(rules: RuleSet, roles: RoleSet): readonly Case[] {
  const { asked, ownAreas } = askedOf(rules);
  const subject = subjectOf(ownAreas);
  const access = deriveRoles(roles, subject);
  return asked.map(([method, url, effect, rule, clientAddress = '198.18.0.7']): Case => {
    const facts = describedFacts({ method, url, headers: [], clientAddress }, undefined, AT);
    if (facts.kind === 'refusal') throw new Error(`${method} ${url} is refused: ${facts.detail}`);
    const fresh = describedContext(facts, new Map(), subject, access, ELEVATION);
    const session = fresh.session && { ...fresh.session, proofs: PROOFS, createdAt: AT - 90 * MINUTE };
    return { name: `${method} ${url}`, context: { ...fresh, session }, effect, rule };
  });
}
