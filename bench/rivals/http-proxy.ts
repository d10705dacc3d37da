import { Agent } from 'node:http';
import httpProxy from 'http-proxy';
import { serve, upstreamUrl } from './serve.ts';

/** http-proxy with the keep-alive agent that its documentation leaves to the user. */
const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 });
const proxy = httpProxy.createProxyServer({ target: upstreamUrl(), agent });
proxy.on('error', (_error, _request, response) => {
  if (!response.headersSent) response.writeHead(502);
  response.end();
});
serve((request, response) => proxy.web(request, response));
