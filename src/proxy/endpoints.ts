import type { MaybePromise } from '../core/assert-never.ts';
import { secretHost } from '../core/cookies.ts';
import type { CredentialLookup } from '../core/credential.ts';
import { closesConnection } from '../core/errors.ts';
import type { RequestFacts } from '../core/facts.ts';
import { type Answer, type Endpoint, PayloadTooLarge, RequestTooSlow } from '../core/handler.ts';
import { isNavigation } from '../pages/negotiate.ts';
import { readWhole } from '../wire/request-body.ts';
import { askToSignIn, clearedCookie, isFinal, refusalReason, refuse, sendAnswer } from './answers.ts';
import type { DataPlane } from './plane.ts';
import { plainReading } from './route-table.ts';
import type { Transit } from './transit.ts';

/** Everything under it is ours on every host that a route names; nothing under it is ever forwarded. */
export const OWN_ROOT = '/.sallyport';
export const OWN_PREFIX = `${OWN_ROOT}/`;

/**
 * Whether a path is ours. `ambiguous`: not as it is written, but as an upstream could read it that ignores case, decodes
 * slashes, merges them or drops parameters; or ours, with such an oddity.
 */
export function ownPath(path: string, oddities: number): 'ours' | 'ambiguous' | 'not ours' {
  if (isOwn(path)) return oddities === 0 ? 'ours' : 'ambiguous';
  const lower = path.toLowerCase();
  return lower.includes('sallyport') && isOwn(plainReading(lower.replaceAll('%2f', '%2F'), oddities))
    ? 'ambiguous'
    : 'not ours';
}

const isOwn = (path: string): boolean => path.startsWith(OWN_PREFIX) || path === OWN_ROOT;

export interface OwnEndpoints {
  /** The endpoint of this path on this host; undefined: there is nothing. */
  find(facts: RequestFacts, plane: DataPlane): Endpoint | undefined;
  serve(transit: Transit, endpoint: Endpoint): MaybePromise<void>;
}

/** Serves the gateway's own endpoints out of one table: host, path, method and identity are checked here for all of them. */
export function ownEndpoints(
  table: readonly Endpoint[],
  lookUp: (cookie: string, host: string) => Promise<CredentialLookup>,
): OwnEndpoints {
  const byPath = new Map(table.map((endpoint) => [OWN_PREFIX + endpoint.path, endpoint]));
  return {
    find: ({ path, host }, { routes }) => (routes.knowsHost(host) ? byPath.get(path) : undefined),
    serve,
  };

  function serve(transit: Transit, endpoint: Endpoint): MaybePromise<void> {
    const { facts } = transit;
    const method = facts.method === 'HEAD' ? 'GET' : facts.method;
    if (!endpoint.methods.includes(method)) {
      return refuse(transit, 'method_not_allowed', { extraHeaders: [['Allow', endpoint.methods.join(', ')]] });
    }
    const isBlocked = transit.refusedCredential === 'blocked';
    if (endpoint.identity === 'required' && transit.session === undefined)
      return isBlocked ? refuse(transit, 'blocked') : askToSignIn(transit, 'login_required');
    // whoever holds a dead cookie must still be able to sign in and out: forms take them as nobody
    const refuses = endpoint.identity === 'optional' && endpoint.csrf === 'none';
    if (refuses && transit.refusedCredential !== undefined && (isFinal(transit) || !isNavigation(facts))) {
      return refuse(transit, refusalReason(transit.refusedCredential, 'bearer'));
    }
    if ((facts.contentLength ?? 0) > endpoint.maxBodyBytes) return refuse(transit, 'payload_too_large');
    return answer(transit, endpoint);
  }

  async function answer(transit: Transit, endpoint: Endpoint): Promise<void> {
    const { facts, params, session, entry, exchange } = transit;
    let made: Answer;
    try {
      made = await endpoint.handler({
        facts,
        params,
        session,
        caller: entry,
        access: transit.access,
        isBlocked: transit.refusedCredential === 'blocked',
        readBody: async (maxBytes) => {
          if (facts.body === 'none') return new Uint8Array();
          const body = await readWhole(exchange.body(Math.min(maxBytes, endpoint.maxBodyBytes)));
          if (endpoint.identity === 'required') await mustStillBeThere(transit);
          return body;
        },
      });
    } catch (error) {
      if (error instanceof SessionGone) return refuse(transit, error.reason);
      if (error instanceof PayloadTooLarge) return refuse(transit, 'payload_too_large');
      if (error instanceof RequestTooSlow) return refuse(transit, 'request_timeout');
      throw error;
    }
    transit.status = made.status;
    const dead = made.headers.some(([name]) => name === 'Set-Cookie') ? [] : clearedCookie(transit);
    sendAnswer(exchange, { ...made, headers: [...made.headers, ...dead] }, transit.id, closesConnection(made.status));
  }

  /** A body may take minutes: whoever sent the head may have been signed out meanwhile, and then nothing of it counts. */
  async function mustStillBeThere({ facts, session }: Transit): Promise<void> {
    if (typeof facts.sessionCookie !== 'string' || session === undefined) throw new SessionGone('session_revoked');
    const found = await lookUp(facts.sessionCookie, secretHost(facts));
    if (found.state === 'blocked') throw new SessionGone('blocked');
    if (found.state !== 'valid' || found.session?.id !== session.id) throw new SessionGone('session_revoked');
  }
}

/** The session ended, or was blocked, while its request was still arriving. */
class SessionGone extends Error {
  readonly reason: 'session_revoked' | 'blocked';
  constructor(reason: SessionGone['reason']) {
    super(reason);
    this.reason = reason;
  }
}
