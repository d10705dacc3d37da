/**
 * Why a gateway could not start, in words that an operator can act on; `cause` keeps the system's own error. Whoever prints
 * its stack prints the message alone: where in our code it was noticed helps nobody who has to repair a path.
 */
export class StartFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartFailure';
    this.stack = message;
  }
}

/** Runs one step of the start; what fails is told together with the setting that it comes from. */
export async function startStep(setting: string, step: () => Promise<void> | void): Promise<void> {
  try {
    await step();
  } catch (error) {
    throw startFailure(setting, error);
  }
}

/** The error's own message and those of its causes: `cannot be read` alone says nothing without `EACCES`. */
export function startFailure(setting: string, error: unknown): StartFailure {
  const messages: string[] = [];
  for (let at: unknown = error; at instanceof Error && messages.length < 3; at = at.cause) {
    if (!messages.some((known) => known.includes((at as Error).message))) messages.push(at.message);
  }
  const why = messages.length === 0 ? String(error) : messages.join(': ');
  return new StartFailure(`cannot start: ${setting}: ${why}`, { cause: error });
}
