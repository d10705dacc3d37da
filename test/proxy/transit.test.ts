import { expect, it } from 'vitest';
import type { CredentialEntry } from '../../src/core/credential.ts';
import { loadRoles } from '../../src/policy/roles-file.ts';
import { Memo } from '../../src/proxy/memo.ts';
import type { DataPlane } from '../../src/proxy/plane.ts';
import { Transit } from '../../src/proxy/transit.ts';
import type { Exchange } from '../../src/wire/exchange.ts';
import { session } from '../signals/context.ts';

/** The parts of a plane and an entry that deriving roles looks at. */
const planeOf = (permission: string): DataPlane => {
  const text = `
version: 1
permissions: { ${permission}: { resource: a, action: b, scope: own } }
members: { writer: { users: ["staff:ann"] } }
roles: { writer: { permissions: [${permission}] } }
`;
  const { roles, findings } = loadRoles({ file: 'roles.yaml', text });
  expect(findings).toEqual([]);
  return { roles, nobody: new Memo() } as unknown as DataPlane;
};
const entryOf = (): CredentialEntry => ({ session, lastActivityAt: 0, memo: undefined }) as unknown as CredentialEntry;
const transitOf = (plane: DataPlane, entry?: CredentialEntry): Transit => {
  const transit = new Transit({} as Exchange, plane, 'id', 0);
  if (entry !== undefined) transit.identify(entry);
  return transit;
};

it('derives roles once for each credential and configuration', () => {
  const [one, two] = [planeOf('first'), planeOf('second')];
  const entry = entryOf();
  const access = transitOf(one, entry).access;
  expect(access).toEqual({ roles: ['employee', 'writer'], permissions: ['first'] });
  expect(transitOf(one, entry).access).toBe(access);
  expect(transitOf(two, entry).access?.permissions).toEqual(['second']);
  // a request that began under the former configuration keeps it
  expect(transitOf(one, entry).access?.permissions).toEqual(['first']);
});

it('nobody has none, and nothing of a person stays in what is shared by all', () => {
  const plane = planeOf('first');
  expect(transitOf(plane).access).toBeUndefined();
  // an identity that came without an entry of the cache
  const bare = transitOf(plane);
  bare.subject = session.subject;
  expect(bare.access?.permissions).toEqual(['first']);
  expect(Object.values(plane.nobody)).not.toContain(bare.access);
  expect(transitOf(plane).access).toBeUndefined();
});
