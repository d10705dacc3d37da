import type { ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { openUpstream, type RecordingUpstream } from '../support/upstream.ts';

export interface HeldUpstream extends RecordingUpstream {
  /** Resolves with the next request that waits for its answer, the oldest first; its head and body are in. */
  next(): Promise<ServerResponse>;
}

/** An application that answers only when the test does. */
export async function openHeldUpstream(): Promise<HeldUpstream> {
  const waiting: ServerResponse[] = [];
  let wake: () => void = () => {};
  const upstream = await openUpstream((_request, response) => {
    waiting.push(response);
    wake();
  });
  onTestFinished(upstream.close);
  return {
    ...upstream,
    async next() {
      for (;;) {
        const response = waiting.shift();
        if (response !== undefined) return response;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
