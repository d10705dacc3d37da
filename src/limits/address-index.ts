import ipaddr from 'ipaddr.js';
import { readAddress, words } from './address-words.ts';

/** Four words and what kind of network it is: 0 for none, length + 1 for IPv4, length + 34 for IPv6. */
const STRIDE = 5;
const V4 = 1;
const V6 = 34;
const TAGS = 163;
const FEWEST_SLOTS = 64;

/**
 * Networks, and until when each counts. A look-up costs one probe for each prefix length that is present, not for each network,
 * and allocates nothing unless it finds something: one hash table with open addressing over typed arrays, at most half
 * full (29 bytes a slot), behind a filter of one bit for each hash that fits the processor's cache: most probes that find
 * nothing end there. Networks are in their one spelling (network.ts), instants in wall-clock ms.
 */
export class AddressIndex {
  #slots = new Int32Array(FEWEST_SLOTS * STRIDE);
  #ends = new Float64Array(FEWEST_SLOTS);
  /** bits of the hashes that were put in, 8 a slot; those of removed networks stay until all is rebuilt, and cost a probe */
  #filter = new Uint8Array(FEWEST_SLOTS);
  #mask = FEWEST_SLOTS - 1;
  #size = 0;
  /** no network that is here ends before this instant */
  #firstEnd = Number.POSITIVE_INFINITY;
  readonly #perTag = new Int32Array(TAGS);
  /** tags that are present, longest prefix first */
  #tags4: readonly number[] = [];
  #tags6: readonly number[] = [];
  readonly #key = new Int32Array(4);

  /** Those that are here, ended ones included until `purge`. */
  get size(): number {
    return this.#size;
  }

  /** Keeps a network until an instant; again for the same, the new end counts. */
  put(network: string, until: number): void {
    const tag = this.#read(network);
    if (tag === 0) return;
    if ((this.#size + 1) * 2 > this.#mask + 1) this.#rebuild((this.#mask + 1) * 2, Number.NEGATIVE_INFINITY);
    // rebuilding uses the key too
    this.#read(network);
    const at = this.#find(tag);
    if (this.#slots[at * STRIDE + 4] === 0) this.#fill(at, tag);
    this.#ends[at] = until;
    this.#firstEnd = Math.min(this.#firstEnd, until);
  }

  remove(network: string): void {
    const tag = this.#read(network);
    if (tag === 0) return;
    const at = this.#find(tag);
    if (this.#slots[at * STRIDE + 4] === 0) return;
    this.#vacate(at);
    this.#size -= 1;
    this.#countTag(tag, -1);
  }

  /** The smallest network that has the address in it and counts at `now`. What is no address is in none. */
  find(address: string, now: number): string | undefined {
    if (this.#size === 0) return undefined;
    const kind = readAddress(address);
    if (kind === 0) return undefined;
    const tags = kind === 4 ? this.#tags4 : this.#tags6;
    for (let i = 0; i < tags.length; i++) {
      const tag = tags[i] as number;
      this.#cut(tag - (kind === 4 ? V4 : V6));
      const hash = hashOf(tag, this.#key, 0);
      if (!this.#mayHave(hash)) continue;
      const at = this.#find(tag, hash);
      if (this.#slots[at * STRIDE + 4] !== 0 && now < (this.#ends[at] as number)) return this.#spell(tag);
    }
    return undefined;
  }

  /** Forgets what has ended. Goes over everything, but only when something has. */
  purge(now: number): void {
    if (now < this.#firstEnd) return;
    this.#rebuild(this.#mask + 1, now);
  }

  /** Reads a network into the key; answers its tag, or 0. */
  #read(network: string): number {
    const slash = network.indexOf('/');
    const bits = Number(network.slice(slash + 1));
    const kind = slash < 0 ? 0 : readAddress(network.slice(0, slash));
    if (kind === 0 || !(Number.isInteger(bits) && bits >= 0 && bits <= (kind === 4 ? 32 : 128))) return 0;
    this.#cut(bits);
    return bits + (kind === 4 ? V4 : V6);
  }

  /** The first `bits` of the address that was read last become the key. */
  #cut(bits: number): void {
    for (let at = 0; at < 4; at++) {
      const left = bits - 32 * at;
      const word = words[at] as number;
      this.#key[at] = left >= 32 ? word : left <= 0 ? 0 : word & (-1 << (32 - left));
    }
  }

  /** The slot of the key, or the empty one where it would lie. */
  #find(tag: number, hash = hashOf(tag, this.#key, 0)): number {
    const slots = this.#slots;
    const key = this.#key;
    const mask = this.#mask;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const base = at * STRIDE;
      const there = slots[base + 4];
      if (there === 0) return at;
      if (
        there === tag &&
        slots[base] === key[0] &&
        slots[base + 1] === key[1] &&
        slots[base + 2] === key[2] &&
        slots[base + 3] === key[3]
      )
        return at;
    }
  }

  #fill(at: number, tag: number): void {
    this.#slots.set(this.#key, at * STRIDE);
    this.#slots[at * STRIDE + 4] = tag;
    this.#note(hashOf(tag, this.#key, 0));
    this.#size += 1;
    this.#countTag(tag, 1);
  }

  #mayHave(hash: number): boolean {
    return (((this.#filter[(hash >>> 3) & this.#mask] as number) >> (hash & 7)) & 1) === 1;
  }

  #note(hash: number): void {
    const at = (hash >>> 3) & this.#mask;
    this.#filter[at] = (this.#filter[at] as number) | (1 << (hash & 7));
  }

  /** Empties a slot and moves up what could not lie there because of it, so that no look-up ends too early (Knuth 6.4, R). */
  #vacate(from: number): void {
    const [slots, ends, mask] = [this.#slots, this.#ends, this.#mask];
    let hole = from;
    for (let at = (hole + 1) & mask; slots[at * STRIDE + 4] !== 0; at = (at + 1) & mask) {
      const base = at * STRIDE;
      const wanted = hashOf(slots[base + 4] as number, slots, base) & mask;
      if (((at - wanted) & mask) < ((at - hole) & mask)) continue;
      slots.copyWithin(hole * STRIDE, base, base + STRIDE);
      ends[hole] = ends[at] as number;
      hole = at;
    }
    slots[hole * STRIDE + 4] = 0;
  }

  /** Into so many slots, without what has ended at `now`. */
  #rebuild(slots: number, now: number): void {
    const [former, ends] = [this.#slots, this.#ends];
    this.#slots = new Int32Array(slots * STRIDE);
    this.#ends = new Float64Array(slots);
    this.#filter = new Uint8Array(slots);
    this.#mask = slots - 1;
    this.#size = 0;
    this.#firstEnd = Number.POSITIVE_INFINITY;
    this.#perTag.fill(0);
    for (let at = 0; at < ends.length; at++) {
      const base = at * STRIDE;
      const tag = former[base + 4] as number;
      const end = ends[at] as number;
      if (tag === 0 || !(now < end)) continue;
      for (let i = 0; i < 4; i++) this.#key[i] = former[base + i] as number;
      const hash = hashOf(tag, this.#key, 0);
      const to = this.#find(tag, hash);
      this.#note(hash);
      this.#slots.set(this.#key, to * STRIDE);
      this.#slots[to * STRIDE + 4] = tag;
      this.#ends[to] = end;
      this.#size += 1;
      this.#perTag[tag] = (this.#perTag[tag] as number) + 1;
      this.#firstEnd = Math.min(this.#firstEnd, end);
    }
    this.#listTags();
  }

  #countTag(tag: number, by: number): void {
    const before = this.#perTag[tag] as number;
    this.#perTag[tag] = before + by;
    if (before === 0 || before + by === 0) this.#listTags();
  }

  #listTags(): void {
    const present = Array.from(this.#perTag.keys()).filter((tag) => this.#perTag[tag] !== 0);
    this.#tags4 = present.filter((tag) => tag < V6).reverse();
    this.#tags6 = present.filter((tag) => tag >= V6).reverse();
  }

  /** The key as text. */
  #spell(tag: number): string {
    const isV4 = tag < V6;
    const bytes = Array.from(
      { length: isV4 ? 4 : 16 },
      (_, i) => ((this.#key[i >> 2] as number) >>> (24 - 8 * (i & 3))) & 255,
    );
    return `${ipaddr.fromByteArray(bytes).toString()}/${tag - (isV4 ? V4 : V6)}`;
  }
}

/** The hash of a key, four words from `base` on, mixed with the finaliser of MurmurHash3 (public domain, A. Appleby). */
function hashOf(tag: number, from: Int32Array, base: number): number {
  let hash = Math.imul(tag, 0x9e3779b1);
  for (let i = 0; i < 4; i++) {
    hash = Math.imul(hash ^ (from[base + i] as number), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
