import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** What became of one gateway's requests of a round. */
export interface Told {
  /** of those that were started after the instant that was asked for, how many were answered with which status */
  readonly statuses: Readonly<Record<string, number>>;
  /** of the same, how many reached the application */
  readonly reached: number;
}

/** What its process may be asked; every answer tells of both gateways. */
export interface Asked {
  readonly ports?: readonly number[];
  readonly lanes?: number;
  readonly cookie?: string;
  readonly since?: string;
}

export interface Hammer {
  /** of the application that it is, too */
  readonly origin: string;
  /** Opens so many keep-alive connections to each of the ports. */
  begin(ports: readonly number[], lanes: number): Promise<void>;
  /** A new round: from now on with this cookie. */
  use(cookie: string): Promise<void>;
  /** @param since nanoseconds of `process.hrtime.bigint()`; the clock is the same in all processes of a machine */
  tell(since: bigint): Promise<readonly Told[]>;
}

/** A client and an application in a process of their own; ended with the test. */
export async function openHammer(): Promise<Hammer> {
  const child = fork(fileURLToPath(new URL('./hammer-process.ts', import.meta.url)));
  onTestFinished(() => void child.kill('SIGKILL'));
  const [port] = (await once(child, 'message')) as [number];
  async function ask(message: Asked): Promise<readonly Told[]> {
    const answer = once(child, 'message');
    child.send(message);
    return (await answer)[0];
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    begin: async (ports, lanes) => void (await ask({ ports, lanes })),
    use: async (cookie) => void (await ask({ cookie })),
    tell: (since) => ask({ since: String(since) }),
  };
}
