import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { configured, startGateway } from '../app/process.ts';

const tls = (name: string): string => fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url));

it('an https upstream is verified by its configured name, whatever Host the client sends', async () => {
  const names: (string | false | null)[] = [];
  const server = createServer(
    { cert: readFileSync(tls('localhost.pem')), key: readFileSync(tls('localhost-key.pem')) },
    (request, response) => {
      names.push((request.socket as TLSSocket).servername);
      response.end(request.headers.host);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const routes = (host: string): string =>
    configured(`routes:\n  - { route: open, upstream: "https://${host}:${port}", public: true }\n`);
  const trusted = { NODE_EXTRA_CA_CERTS: tls('localhost.pem') };

  const gateway = await startGateway(routes('localhost'), trusted);
  for (const host of ['wiki.example.com', 'evil.test', 'localhost']) {
    const answer = await gateway.send('GET / HTTP/1.1', [`Host: ${host}`]);
    expect([answer.status, answer.body]).toEqual([200, host]);
  }
  // one connection served all three: its name did not change with the client's Host
  expect(new Set(names)).toEqual(new Set(['localhost']));

  // the certificate is for localhost: an address is another name, and asking for it as Host helps nobody
  const byAddress = await startGateway(routes('127.0.0.1'), trusted);
  expect((await byAddress.send('GET / HTTP/1.1', ['Host: localhost'])).status).toBe(502);
  const untrusting = await startGateway(routes('localhost'));
  expect((await untrusting.send('GET / HTTP/1.1')).status).toBe(502);
  expect(names).toHaveLength(3);
});
