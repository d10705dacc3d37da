import { type Decoded, FilePath, optional, optionalSection } from '../schema/types.ts';

/** `audit`: the record of what was decided and done. */
export const auditOptions = optionalSection(
  {
    file: optional(
      FilePath({
        description:
          'File to which events are appended, one JSON object a line. Left out: `audit.ndjson` in `store.path`.',
      }),
    ),
  },
  { description: 'The record of what was decided and done.' },
);
export type AuditOptions = Decoded<typeof auditOptions>;
