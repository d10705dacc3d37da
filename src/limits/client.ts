import { subscriberOf } from '../core/address.ts';

/** Whom a client's address stands for (`subscriberOf`). IPv4 addresses are their own name; the newest 10,000 others are remembered. */
export function clientOf(address: string): string {
  if (!address.includes(':')) return address;
  const known = names.get(address);
  if (known !== undefined) return known;
  const name = subscriberOf(address);
  if (names.size >= MAX_NAMES) names.clear();
  names.set(address, name);
  return name;
}

const MAX_NAMES = 10_000;
const names = new Map<string, string>();
