import ipaddr from 'ipaddr.js';

/** An address as bytes: 4 for IPv4 (an IPv4-mapped IPv6 address is its IPv4), 16 for IPv6. */
export type AddressBytes = readonly number[];

/** Parses exactly `1.2.3.4` or IPv6 text without a zone; anything else is undefined. */
export function parseAddress(text: string): AddressBytes | undefined {
  if (text !== lastText) {
    lastAddress = parse(text);
    lastText = text;
  }
  return lastAddress;
}
// Many rules look at the same address of the same request: one remembered makes parsing free for all but the first.
let lastText = '';
let lastAddress: AddressBytes | undefined;

function parse(text: string): AddressBytes | undefined {
  if (text.length > 45 || text.includes('%')) return undefined;
  // four decimal numbers without leading zeros, each at most 255
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return text.split('.').map(Number);
  if (!text.includes(':') || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().octets : address.toByteArray();
}

export interface Network {
  readonly bytes: AddressBytes;
  readonly bits: number;
  /** the network with its host bits cleared, as text: what the file should say */
  readonly canonical: string;
  readonly hostBitsSet: boolean;
}

/** Parses `10.0.0.0/8`, `2001:db8::/32` or one address. Undefined if it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) return undefined;
  const size = bytes.length * 8;
  const written = slash < 0 ? String(size) : text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(written)) return undefined;
  const mapped = bytes.length === 4 && text.includes(':');
  const bits = mapped && slash >= 0 ? Number(written) - 96 : Number(written);
  if (bits < 0 || bits > size) return undefined;
  const masked = bytes.map((byte, i) => byte & maskOf(bits, i));
  const canonical = `${ipaddr.fromByteArray(masked).toString()}/${bits}`;
  return { bytes: masked, bits, canonical, hostBitsSet: masked.some((byte, i) => byte !== bytes[i]) };
}

const maskOf = (bits: number, index: number): number => {
  const left = bits - index * 8;
  return left >= 8 ? 255 : left <= 0 ? 0 : 256 - 2 ** (8 - left);
};

/** Compiles networks to a look-up that costs the number of distinct prefix lengths, not of networks. The two families never meet. */
export function networkSet(networks: readonly Network[]): (address: AddressBytes) => boolean {
  const short = new Map<number, Set<number>>();
  const long = new Map<number, Set<string>>();
  for (const { bytes, bits } of networks) {
    if (bytes.length === 4) keysOf(short, bits === 0 ? 0 : -1 << (32 - bits)).add(numberOf(bytes));
    else keysOf(long, bits).add(bytes.join());
  }
  const masks = [...short].map(([mask, keys]) => ({ mask, keys, first: [...keys][0], alone: keys.size === 1 }));
  const lengths = [...long];
  return (address) => {
    if (address.length !== 4)
      return lengths.some(([bits, keys]) => keys.has(address.map((byte, i) => byte & maskOf(bits, i)).join()));
    const number = numberOf(address);
    for (const { mask, keys, first, alone } of masks) {
      if ((number & mask) === first || (!alone && keys.has(number & mask))) return true;
    }
    return false;
  };
}

function keysOf<K>(sets: Map<number, Set<K>>, length: number): Set<K> {
  const keys = sets.get(length) ?? new Set<K>();
  sets.set(length, keys);
  return keys;
}

/** An IPv4 address as 32 bits, signed. */
const numberOf = (bytes: AddressBytes): number =>
  ((bytes[0] as number) << 24) | ((bytes[1] as number) << 16) | ((bytes[2] as number) << 8) | (bytes[3] as number);

export const sameAddress = (a: AddressBytes, b: AddressBytes): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
