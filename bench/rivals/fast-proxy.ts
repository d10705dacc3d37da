import { fastProxy } from 'fast-proxy';
import { serve, upstreamUrl } from './serve.ts';

/** fast-proxy over undici, which its documentation says is its faster half. */
const { proxy } = fastProxy({ base: upstreamUrl(), undici: { connections: 100, pipelining: 1 } });
serve((request, response) => proxy(request, response, request.url ?? '/', {}));
