import { Transform, type TransformCallback } from 'node:stream';
import { PayloadTooLarge } from '../core/handler.ts';
import { type MinRate, Pace } from './pace.ts';

/** Counts a body as it streams and refuses the byte after the last allowed one; keeps back-pressure. */
export class CountedBody extends Transform {
  #left: number;
  readonly #maxBytes: number;
  readonly #coming = new Pace();

  constructor(maxBytes: number) {
    super();
    this.#coming.begin(0);
    this.#left = maxBytes;
    this.#maxBytes = maxBytes;
  }

  override _transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.byteLength;
    if (this.#left < 0) done(new PayloadTooLarge(this.#maxBytes));
    else done(null, chunk);
  }

  /** One look at how fast it comes; while the reader has yet to take what is here, nobody waits for the client. */
  lags(sinceMs: number, min: MinRate): boolean {
    if (this.writableNeedDrain || this.destroyed) return false;
    const total = this.#maxBytes - this.#left + this.writableLength;
    return this.#coming.lags(total, sinceMs, min.bytesPerSecond, min.slowBodyMs);
  }
}

/** Reads a whole body into memory. Rejects as the stream errors (PayloadTooLarge, RequestTooSlow, aborted). */
export async function readWhole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
