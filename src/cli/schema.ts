import { Argument, type Command } from 'commander';
import { configurationSchema } from '../config/schema.ts';
import { policySchema } from '../policy/schema.ts';
import { publishSchema } from '../schema/publish.ts';
import { catalogue } from '../signals/index.ts';
import { sayJson } from './output.ts';

const SCHEMAS = {
  configuration: () => publishSchema(configurationSchema),
  policy: () => policySchema(catalogue),
} as const;

export function addSchema(program: Command): void {
  program
    .command('schema')
    .description('Print a JSON Schema (draft-07) for editors.')
    .addArgument(new Argument('[what]', 'of which file').choices(Object.keys(SCHEMAS)).default('configuration'))
    .option('--json', 'the output is JSON in any case')
    .action((what: keyof typeof SCHEMAS) => sayJson(SCHEMAS[what]()));
}
