import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';

/**
 * The rival: http-proxy as its users run it when they care (keep-alive agent, X-Forwarded-* set), without any policy.
 * `node bench/rival.ts UPSTREAM_URL`; prints its port.
 */
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('usage: node bench/rival.ts UPSTREAM_URL');

const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 });
const proxy = httpProxy.createProxyServer({ target, agent, xfwd: true });
proxy.on('error', (_error, _request, response) => {
  if (!response.headersSent) response.writeHead(502);
  response.end();
});
const server = createServer((request, response) => proxy.web(request, response));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(address.port);
});
