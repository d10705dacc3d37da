import type { Described, Description } from '../app/describe.ts';
import { CommandFailure, EXIT, printable } from './output.ts';
import { Refusal, type Remote } from './remote.ts';
import { compileAnswer } from './remote-answer.ts';

/**
 * What the gateway there says of a description, by what is in force there.
 * @throws CommandFailure 2 for what describes no request, 1 when it cannot be asked
 */
export async function explainThere(remote: Remote, description: Description): Promise<Described> {
  const { request, as, set, absent, unknown } = description;
  const asked = {
    method: request.method,
    url: request.url,
    from: request.clientAddress,
    headers: request.headers,
    ...(as !== undefined && { as }),
    set: Object.fromEntries(set),
    absent,
    unknown,
  };
  let answer: unknown;
  try {
    answer = await remote.ask('POST', '/policies/explain', asked);
  } catch (error) {
    // as it is here: whoever described it wrote it wrongly
    if (error instanceof Refusal && error.reason === 'invalid_request')
      throw new CommandFailure(error.message, EXIT.usage);
    throw error;
  }
  const check = compileAnswer('Explanation');
  check(answer);
  return answer as Described;
}

/** The same as text that a terminal only shows, whatever the other side put into it. */
export const shown = (described: Described): Described =>
  JSON.parse(JSON.stringify(described), (_, value: unknown) => (typeof value === 'string' ? printable(value) : value));
