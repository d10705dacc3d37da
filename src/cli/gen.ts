import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configurationTable } from '../config/reference.ts';
import { configurationSchema } from '../config/schema.ts';
import { ERRORS } from '../core/errors.ts';
import { type GatewayReason, REASONS } from '../core/reasons.ts';
import { rolesSchema } from '../policy/roles-file.ts';
import { policySchema, policyTestsSchema } from '../policy/schema.ts';
import { publishSchema } from '../schema/publish.ts';
import { catalogue } from '../signals/index.ts';
import { attributeTable } from '../signals/reference.ts';

/** Every file that is generated from the code, by its path in the repository. Deterministic: a test compares them. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['config/schema/sallyport.schema.json', json(publishSchema(configurationSchema))],
    ['config/schema/policy.schema.json', json(policySchema(catalogue))],
    ['config/schema/policy-tests.schema.json', json(policyTestsSchema(catalogue))],
    ['config/schema/roles.schema.json', json(rolesSchema())],
    ['docs/reference.md', reference()],
  ]);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const reference = (): string => `# Reference

Written by \`npm run gen\` from the schemas and tables in the code; a test fails when it is not current.

## Configuration

Unknown keys are errors. Durations, here and in policies, are one number with a unit or several from large to small: \`30m\`,
\`1h30m\`, \`500ms\`; the units are \`w\`, \`d\`, \`h\`, \`m\`, \`s\` and \`ms\`. Sizes are written \`16KiB\` or \`100MB\`. Relative paths are
relative to the file that names them. In any text \`\${NAME}\`, \`\${NAME:-default}\` and \`\${file:path}\` are filled in after the file
was read, so that a value never adds structure; \`$\${\` is a literal \`\${\`. A changed file, a changed policy, a changed secret
file or SIGHUP loads everything again, and a set with an error never replaces the one in force.

${configurationTable()}
## Attributes

What policies can ask about. The operators of each type are in [policy.md](policy.md).

${attributeTable(catalogue)}
## Reasons

Why the gateway refused: the \`reason\` of an answer, of a decision in the audit log and of the metrics. Policies add their own,
which are always 403.

| reason | status | meaning |
| --- | --- | --- |
${(Object.keys(REASONS) as GatewayReason[]).map((reason) => `| \`${reason}\` | ${ERRORS[reason].status} | ${REASONS[reason]} |`).join('\n')}
`;

if (import.meta.main) {
  const root = join(import.meta.dirname, '..', '..');
  for (const [path, text] of generatedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
