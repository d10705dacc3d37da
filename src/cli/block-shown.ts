import { fieldsOf } from './remote.ts';

/** A block as both ways of asking give it: those of its fields that are there. */
export interface ShownBlock {
  readonly id: string;
  readonly kind: string;
  readonly created: string;
  /** null: it does not end */
  readonly until: string | null;
  readonly by: string;
  readonly reason: string;
  readonly [field: string]: string | null;
}

/** Which fields say what is blocked; a gateway has one kind of them in each block. */
const SUBJECT = ['network', 'user', 'session', 'device', 'provider', 'jti'] as const;

/** What a gateway of another version leaves out is shown as nothing. */
export function shownOf(item: unknown): ShownBlock {
  const fields = fieldsOf(item);
  const text = (key: string): string => (typeof fields[key] === 'string' ? fields[key] : '');
  return {
    id: text('id'),
    kind: text('kind'),
    ...Object.fromEntries(SUBJECT.filter((key) => typeof fields[key] === 'string').map((key) => [key, text(key)])),
    created: text('created'),
    until: typeof fields.until === 'string' ? fields.until : null,
    by: text('by'),
    reason: text('reason'),
  };
}

/** What is blocked, in words. */
export const subjectText = (shown: ShownBlock): string =>
  `${shown.kind} ${SUBJECT.flatMap((key) => shown[key] ?? []).join('/')}`;

export const endText = ({ until }: ShownBlock): string => (until === null ? 'without end' : `until ${until}`);
