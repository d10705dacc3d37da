import { subscriberOf } from '../core/address.ts';

/** Why a connection is not taken; also the reason codes of its answer. */
export type ConnectionRefusal = 'overloaded' | 'too_many_connections';

export interface AdmissionLimits {
  /** connections in all */
  readonly connections: number;
  /** connections from one client: an IPv4 address or an IPv6 /64 */
  readonly perAddress: number;
  /** many clients come from there: counted in all only */
  readonly isExempt: (address: string) => boolean;
}

/**
 * How many connections there are, in all and by client. Counted before anything is read of them; what is kept grows with the
 * connections that were taken, never with those that were not.
 */
export class Admission {
  #limits: AdmissionLimits;
  #open = 0;
  readonly #byClient = new Map<string, number>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Other limits from now on. Who is in stays. */
  configure(limits: AdmissionLimits): void {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** As whom to count an address; undefined: exempt. The same word is to be given when the connection ends. */
  clientOf(address: string): string | undefined {
    return this.#limits.isExempt(address) ? undefined : subscriberOf(address);
  }

  /** Counts one more connection, or says why it is not taken. */
  enter(client: string | undefined): ConnectionRefusal | undefined {
    if (this.#open >= this.#limits.connections) return 'overloaded';
    if (client !== undefined) {
      const before = this.#byClient.get(client) ?? 0;
      if (before >= this.#limits.perAddress) return 'too_many_connections';
      this.#byClient.set(client, before + 1);
    }
    this.#open++;
    return undefined;
  }

  /** A connection that was taken has ended. */
  leave(client: string | undefined): void {
    this.#open--;
    if (client === undefined) return;
    const left = (this.#byClient.get(client) ?? 1) - 1;
    if (left === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, left);
  }
}
