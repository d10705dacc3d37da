import { blockedName } from '../core/block.ts';
import type { Session } from '../core/session.ts';
import type { Account } from '../identity/accounts.ts';
import type { Block } from '../limits/blocks.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** A session as administrators see it, through the API and at the shell alike. Never a secret. */
export const publicSession = (session: Session) => ({
  id: session.id,
  user: session.subject.user,
  created: iso(session.createdAt),
  last_activity: iso(session.lastActivityAt),
  expires: iso(session.absoluteExpiryAt),
  address: session.address,
  user_agent: session.userAgent,
  device: session.device ?? null,
});

/** A block as administrators see it, through the API and at the shell alike. */
export const publicBlock = ({ id, subject, at, until, by, reason }: Block) => ({
  id,
  ...subject,
  created: iso(at),
  until: until === undefined ? null : iso(until),
  by,
  reason,
});

/** A block in one line, for the audit log. */
export const blockLine = ({ subject, until, reason }: Block): string =>
  `${subject.kind} ${blockedName(subject)} ${until === undefined ? 'without end' : `until ${iso(until)}`}${reason === '' ? '' : `: ${reason}`}`;

/** The same of something that blocks and cannot be read: its id is all that is known. */
export const liftedLine = (id: string, block: Block | 'unreadable'): string =>
  block === 'unreadable' ? `${id}, which cannot be read` : blockLine(block);

/** An account as administrators see it, through the API and at the shell alike. Never its password. */
export const publicAccount = ({ user, provider, name, email, groups, roles, disabled, createdAt }: Account) => ({
  user,
  provider,
  name,
  email: email ?? null,
  groups,
  roles,
  disabled,
  created: iso(createdAt),
});
