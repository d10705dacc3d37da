import { serve } from './serve.ts';

/**
 * What `auth_request` asks: who has this session? The least that such a service can do, and no more: no store, no policy, no
 * log. 200 with the user in a header, or 401.
 */
export const SESSION = 'kq0u3w7yJ5c1b9d2e4f6a8';
const sessions = new Map([[SESSION, 'bench']]);

if (import.meta.main)
  serve((request, response) => {
    const pair = request.headers.cookie?.split('; ').find((each) => each.startsWith('session='));
    const user = pair === undefined ? undefined : sessions.get(pair.slice('session='.length));
    if (user === undefined) response.writeHead(401).end();
    else response.writeHead(200, { 'X-User': user, 'Content-Length': '0' }).end();
  });
