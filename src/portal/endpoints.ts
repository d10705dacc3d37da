import type { Endpoint } from '../core/handler.ts';
import { guarded } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { MAX_FORM_BYTES } from './form.ts';
import { jwksHandler } from './jwks.ts';
import { loginHandler } from './login.ts';
import { logoutHandler } from './logout.ts';
import { meHandler } from './me.ts';
import { myFactorsHandler } from './me-factors.ts';
import { mySessionsHandler } from './me-sessions.ts';
import { stepUpHandler } from './step-up.ts';
import { userinfoHandler } from './userinfo.ts';

/** Everything that people and clients meet below `/.sallyport/`: one row says how each is called and protected. */
export function portalEndpoints(deps: PortalDeps): readonly Endpoint[] {
  return [
    {
      path: 'login',
      methods: ['GET', 'HEAD', 'POST'],
      identity: 'optional',
      credentials: ['cookie'],
      csrf: 'form',
      maxBodyBytes: MAX_FORM_BYTES,
      handler: guarded(loginHandler(deps)),
    },
    {
      path: 'logout',
      methods: ['GET', 'HEAD', 'POST'],
      identity: 'optional',
      credentials: ['cookie'],
      csrf: 'form',
      maxBodyBytes: MAX_FORM_BYTES,
      // signing out must not depend on how busy somebody else at the same address was
      isCountedApart: true,
      handler: guarded(logoutHandler(deps)),
    },
    {
      path: 'step-up',
      methods: ['GET', 'HEAD', 'POST'],
      identity: 'required',
      credentials: ['cookie'],
      csrf: 'form',
      maxBodyBytes: MAX_FORM_BYTES,
      handler: guarded(stepUpHandler(deps)),
    },
    {
      path: 'me',
      methods: ['GET', 'HEAD'],
      identity: 'required',
      credentials: ['cookie'],
      csrf: 'none',
      maxBodyBytes: 0,
      handler: guarded(meHandler(deps)),
    },
    {
      path: 'me/sessions',
      methods: ['GET', 'HEAD', 'POST'],
      identity: 'required',
      credentials: ['cookie'],
      csrf: 'form',
      maxBodyBytes: MAX_FORM_BYTES,
      handler: guarded(mySessionsHandler(deps)),
    },
    {
      path: 'me/factors',
      methods: ['GET', 'HEAD', 'POST'],
      identity: 'required',
      credentials: ['cookie'],
      csrf: 'form',
      maxBodyBytes: MAX_FORM_BYTES,
      handler: guarded(myFactorsHandler(deps)),
    },
    {
      path: 'userinfo',
      methods: ['GET', 'HEAD'],
      identity: 'optional',
      credentials: ['bearer', 'cookie'],
      csrf: 'none',
      maxBodyBytes: 0,
      handler: userinfoHandler(deps),
    },
    {
      path: 'jwks.json',
      methods: ['GET', 'HEAD'],
      identity: 'none',
      credentials: [],
      csrf: 'none',
      maxBodyBytes: 0,
      handler: jwksHandler(deps),
    },
  ];
}
