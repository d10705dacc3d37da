import { Argument, type Command } from 'commander';
import { configurationSchema } from '../config/schema.ts';
import { rolesSchema } from '../policy/roles-file.ts';
import { policySchema, policyTestsSchema } from '../policy/schema.ts';
import { publishSchema } from '../schema/publish.ts';
import { catalogue } from '../signals/index.ts';
import { sayJson } from './output.ts';

const SCHEMAS = {
  configuration: () => publishSchema(configurationSchema),
  policy: () => policySchema(catalogue),
  'policy-tests': () => policyTestsSchema(catalogue),
  roles: rolesSchema,
} as const;

export function addSchema(program: Command): void {
  program
    .command('schema')
    .description('Print the JSON Schema (draft-07) of a file, for editors and validators.')
    .addArgument(new Argument('[what]', 'schema of which file').choices(Object.keys(SCHEMAS)).default('configuration'))
    .option('--json', 'accepted for uniformity: the output is JSON in any case')
    .addHelpText(
      'after',
      '\nExample:\n  sallyport schema policy > policy.schema.json\n\nAn editor reads it when the file begins with `# yaml-language-server: $schema=policy.schema.json`.',
    )
    .action((what: keyof typeof SCHEMAS) => sayJson(SCHEMAS[what]()));
}
