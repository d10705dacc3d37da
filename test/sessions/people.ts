import type { Log } from '../../src/core/ports.ts';
import { type Subject, userId } from '../../src/core/subject.ts';
import type { SessionStart } from '../../src/sessions/sessions.ts';

export function person(sub: string, more: Partial<Subject> = {}): Subject {
  return {
    user: userId('staff', sub),
    provider: 'staff',
    sub,
    kind: 'person',
    email: `${sub}@example.com`,
    emailVerified: undefined,
    name: undefined,
    groups: ['wiki'],
    roles: [],
    acr: undefined,
    claims: new Map(),
    ...more,
  };
}

export const HOST = 'wiki.example.com';

export function start(at: number, host = HOST): SessionStart {
  return { host, proofs: [{ method: 'password', level: 'none', at }], address: '192.0.2.1', userAgent: 'Browser/1' };
}

/** A log whose lines tests can read. */
export function keepingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const write = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return { lines, debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
