import { createProxyServer } from 'httpxy';
import { serve, upstreamUrl } from './serve.ts';

/** httpxy with its own shared keep-alive agent, as it comes. */
const proxy = createProxyServer({ target: upstreamUrl() });
serve((request, response) => {
  proxy.web(request, response).catch(() => {
    if (!response.headersSent) response.writeHead(502);
    response.end();
  });
});
