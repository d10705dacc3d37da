import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A policy without a finding: staff is let in. */
export const STAFF = `version: 1
policy: staff
rules:
  - allow: staff
    when: { identity.groups: { any_of: [staff] } }
tests:
  - name: staff is let in
    given: { identity: { sub: ann, groups: [staff] } }
    expect: { effect: allow, rule: staff }
`;

/** A configuration whose one finding is that there is no portal. Two providers, so that a name can be ambiguous; nothing listens upstream. */
export const CONFIG = `version: 1
listen: { http: 127.0.0.1:0 }
admin: { address: 127.0.0.1:0 }
store: { path: data }
policies: policies
limits: { target: 2KiB, body: 1MiB }
identity: { providers: [{ id: staff, type: local }, { id: guests, type: local }] }
routes:
  - route: status
    match: { host: app.test, path: /status }
    upstream: http://127.0.0.1:9
    public: true
  - route: app
    match: { host: app.test }
    upstream: http://127.0.0.1:9
    policy: [staff]
    user_prefix: true
  - route: files
    match: { host: app.test, path: /files }
    upstream: http://127.0.0.1:9
    policy: [staff]
    user_prefix: true
    allow: [encoded_slash]
`;

export interface Directory {
  readonly path: string;
  remove(): void;
}

/** A directory with these files; a good configuration with its policy unless told otherwise. */
export function directoryWith(
  files: Readonly<Record<string, string | Uint8Array>> = { 'sallyport.yaml': CONFIG, 'policies/staff.yaml': STAFF },
): Directory {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
