import type { AddressInfo } from 'node:net';
import httpProxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { upstreamUrl } from './serve.ts';

/** @fastify/http-proxy over undici, without a logger: the default, and its documentation's advice. */
const fastify = Fastify({ logger: false, keepAliveTimeout: 120_000 });
await fastify.register(httpProxy, {
  upstream: upstreamUrl(),
  undici: { connections: 128, pipelining: 1, keepAliveTimeout: 120_000 },
});
await fastify.listen({ port: 0, host: '127.0.0.1' });
console.log((fastify.server.address() as AddressInfo).port);
