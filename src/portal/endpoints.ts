import type { Endpoint } from '../core/handler.ts';
import { guarded } from './answers.ts';
import type { PortalDeps } from './deps.ts';
import { MAX_FORM_BYTES } from './form.ts';
import { jwksHandler } from './jwks.ts';
import { loginHandler } from './login.ts';
import { logoutHandler } from './logout.ts';
import { userinfoHandler } from './userinfo.ts';

/** Everything that people and clients meet below `/.sallyport/`: one row says how each is called and protected. */
export function portalEndpoints(deps: PortalDeps): readonly Endpoint[] {
  return [
    {
      path: 'login',
      methods: ['GET', 'HEAD', 'POST'],
      identity: 'optional',
      csrf: 'form',
      maxBodyBytes: MAX_FORM_BYTES,
      handler: guarded(loginHandler(deps)),
    },
    {
      path: 'logout',
      methods: ['GET', 'HEAD', 'POST'],
      identity: 'optional',
      csrf: 'form',
      maxBodyBytes: MAX_FORM_BYTES,
      handler: guarded(logoutHandler(deps)),
    },
    {
      path: 'userinfo',
      methods: ['GET', 'HEAD'],
      identity: 'optional',
      csrf: 'none',
      maxBodyBytes: 0,
      handler: userinfoHandler(deps),
    },
    {
      path: 'jwks.json',
      methods: ['GET', 'HEAD'],
      identity: 'none',
      csrf: 'none',
      maxBodyBytes: 0,
      handler: jwksHandler(deps),
    },
  ];
}
