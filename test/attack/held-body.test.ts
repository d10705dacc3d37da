import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { openRaw, parseAnswer, rawRequest } from '../support/raw.ts';

let gate: TestGateway;
beforeAll(async () => {
  gate = await openTestGateway({
    config: 'routes:\n  - { route: app, upstream: "http://127.0.0.1:9", policy: staff }\n',
  });
});
afterAll(() => gate.close());

// whoever holds the body of a request back while the session is ended must not get it through
it.each([
  ['the end of all sessions', 'me/sessions', 'end_all'],
  ['a first factor', 'me/factors', 'enrol_totp'],
])('%s is not done for a session that ended while its body was on its way', async (_name, path, action) => {
  const name = action.replace('_', '-');
  await gate.addUser(name);
  const held = await gate.signIn(name);
  const other = await gate.signIn(name);
  const cookie = `Cookie: sallyport=${held}`;
  const page = await gate.send('GET /.sallyport/me HTTP/1.1', [cookie, 'Accept: text/html']);
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const body = new URLSearchParams({ csrf, action }).toString();
  const talk = await openRaw(gate.port);
  talk.send(
    rawRequest(`POST /.sallyport/${path} HTTP/1.1`, [
      cookie,
      'Origin: http://app.test',
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ]),
  );
  // the head has been judged once a later request on another connection was answered
  await pause(20);
  expect((await gate.send('GET /.sallyport/userinfo HTTP/1.1', [cookie])).body).toContain('"authenticated":true');
  const { sid } = JSON.parse((await gate.send('GET /.sallyport/userinfo HTTP/1.1', [cookie])).body);
  await gate.gateway.services.sessions.revoke(sid, 'test', 'revoked');
  talk.send(body);
  const answer = parseAnswer(await talk.closed());
  expect([answer.status, JSON.parse(answer.body).reason]).toEqual([401, 'session_revoked']);
  // and nothing happened: the other session stands, without a factor that its owner does not know
  const me = await gate.send('GET /.sallyport/me/factors HTTP/1.1', [`Cookie: sallyport=${other}`]);
  expect([me.status, me.body]).toEqual([200, expect.not.stringContaining('totp')]);
});
