import type { Socket } from 'node:net';
import type { Answer } from '../core/handler.ts';
import type { Log } from '../core/ports.ts';
import { Admission, type AdmissionLimits, type ConnectionRefusal } from './admission.ts';
import { linger, rawAnswer } from './linger.ts';
import { Tally } from './tally.ts';

/** Refused connections that are being answered at a time; those beyond are reset, so that a flood costs nothing to hold. */
const MAX_ANSWERED = 256;

/** Where connections come in: counts them, and turns away those beyond the limits before anything reads what they send. */
export class Door {
  readonly #admission: Admission;
  readonly #full: (reason: ConnectionRefusal) => Answer;
  readonly #refused: Tally<ConnectionRefusal>;
  #answered = 0;

  /** @param full the answer for a connection that is not taken; in a flood only some are answered */
  constructor(limits: AdmissionLimits, deps: { readonly log: Log; full(reason: ConnectionRefusal): Answer }) {
    this.#admission = new Admission(limits);
    this.#full = deps.full;
    this.#refused = new Tally(deps.log, 'connections refused', ['overloaded', 'too_many_connections']);
  }

  /** Other limits, for connections that come from now on. */
  configure(limits: AdmissionLimits): void {
    this.#admission.configure(limits);
  }

  /** connections that were taken and are open */
  get open(): number {
    return this.#admission.open;
  }

  /** since the start, by reason */
  get refused(): Readonly<Record<ConnectionRefusal, number>> {
    return this.#refused.counts;
  }

  /** Takes a connection, until it closes; false: it was turned away and is nobody else's business. */
  takes(socket: Socket): boolean {
    const address = socket.remoteAddress;
    if (address === undefined) {
      // gone before we came to it
      socket.destroy();
      return false;
    }
    const client = this.#admission.clientOf(address);
    const refusal = this.#admission.enter(client);
    if (refusal === undefined) {
      socket.once('close', () => this.#admission.leave(client));
      return true;
    }
    this.#refused.count(refusal, address);
    this.#turnAway(socket, refusal);
    return false;
  }

  /** To be called once a second: logs what was refused. */
  tick(): void {
    this.#refused.tick();
  }

  /** Logs what was not logged yet. */
  flush(): void {
    this.#refused.flush();
  }

  #turnAway(socket: Socket, reason: ConnectionRefusal): void {
    socket.on('error', () => socket.destroy());
    if (this.#answered >= MAX_ANSWERED) {
      socket.resetAndDestroy();
      return;
    }
    this.#answered++;
    socket.once('close', () => this.#answered--);
    socket.write(rawAnswer(this.#full(reason)));
    linger(socket);
  }
}
