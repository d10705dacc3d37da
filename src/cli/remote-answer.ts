import type { TSchema } from 'typebox';
import { COMPONENTS } from '../admin/schemas.ts';
import { compileGuard } from '../schema/validate.ts';
import { CommandFailure } from './output.ts';

/**
 * Compiles the check that an answer of the administration API is what the published description says of `name`, so that the
 * caller may take it for that. More fields than there are here are those of a newer gateway.
 *
 * @returns what throws CommandFailure 1 for any other answer
 */
export function compileAnswer(name: keyof typeof COMPONENTS): (answer: unknown) => void {
  const isAsDescribed = compileGuard({ $ref: `#/definitions/${name}`, definitions: openDefinitions() } as TSchema);
  return (answer) => {
    if (!isAsDescribed(answer)) throw new CommandFailure('what is there does not answer as a gateway does');
  };
}

const openDefinitions = (): unknown =>
  JSON.parse(
    JSON.stringify(COMPONENTS, (key, value: unknown) => {
      if (key === 'additionalProperties') return undefined;
      return key === '$ref' && typeof value === 'string'
        ? value.replace('#/components/schemas/', '#/definitions/')
        : value;
    }),
  );
