import { Transform, type TransformCallback } from 'node:stream';
import { PayloadTooLarge } from '../core/handler.ts';

/** Counts a body as it streams and refuses the byte after the last allowed one; keeps back-pressure. */
export class CountedBody extends Transform {
  #left: number;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    super();
    this.#left = maxBytes;
    this.#maxBytes = maxBytes;
  }

  override _transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.byteLength;
    if (this.#left < 0) done(new PayloadTooLarge(this.#maxBytes));
    else done(null, chunk);
  }
}

/** Reads a whole body into memory. Rejects as the stream errors (PayloadTooLarge, aborted). */
export async function readWhole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
