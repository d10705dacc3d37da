/**
 * How nodes share one limit without asking each other for every request. All nodes together have one counter in the store for
 * each key and window. A node *claims* a piece of it, ahead of need and without waiting, and lets requests in against what it
 * was granted. It may be ahead of that by one *share* ({@link shareOf}): that is what it lets in before it has told anybody,
 * so that a client who sends little costs the store nothing, and what it lets in while a claim is on its way. Little is less
 * than half a share: of a limit of 1 or 2 the first request of every key is a write, of one up to 10 half the limit's.
 *
 * What n nodes let in of a limit of N with a share of s, however their requests and the answers of the store interleave:
 *
 * - Every claim moves the counter over an interval; granted is the part of it up to N. Intervals do not overlap, so all that was
 *   ever granted is at most N.
 * - A node lets in at most what it was granted and s, and never more than N. So n nodes let in at most **N + n · s**, and one
 *   alone at most **N**.
 * - One alone is granted everything up to N. It lets in exactly N, unless more than a share arrive before the store has
 *   answered one claim: those are refused, too early, and may be sent again.
 * - Several may refuse up to a share each too early: what one of them was granted and does not use is nobody else's.
 *
 * The store is asked about once for every share and a half, so no more than eight times per key, window and node, and by nobody any
 * more once the counter has reached N.
 */
export interface Lease {
  /** number of the window that the rest is about */
  window: number;
  /** let in here */
  used: number;
  /** of that, and of what will come, granted by the store */
  granted: number;
  /** a claim for this window is on its way */
  isClaiming: boolean;
  /** the counter has reached N: there is nothing more to be granted */
  isExhausted: boolean;
}

/** Requests that a node may be ahead: a tenth of the limit; at least 10, for they may well come at once, but not beyond the limit. */
export const shareOf = (requests: number): number => Math.min(requests, Math.max(10, Math.ceil(requests / 10)));

/** A new window: nothing happened yet. */
export function renew(lease: Lease, window: number): void {
  lease.window = window;
  lease.used = 0;
  lease.granted = 0;
  lease.isClaiming = false;
  lease.isExhausted = false;
}

/** How many may be let in within the window as things stand. `alone`: the store cannot be asked, so the node keeps the limit by itself. */
export function allowed(lease: Lease, requests: number, alone: boolean): number {
  if (lease.isExhausted) return lease.granted;
  return alone ? requests : Math.min(requests, lease.granted + shareOf(requests));
}

/**
 * How much to claim now; 0: nothing. It is time when half of the share by which a node may be ahead is used up; then enough is
 * asked for to be a share in hand afterwards.
 */
export function wanted(lease: Lease, requests: number): number {
  if (lease.isClaiming || lease.isExhausted) return 0;
  const share = shareOf(requests);
  return 2 * (lease.used - lease.granted) < share ? 0 : Math.min(requests, lease.used + share) - lease.granted;
}

/** The store's answer to a claim of `claimed`: what the counter stands at with it. */
export function settle(lease: Lease, claimed: number, total: number, requests: number): void {
  lease.isClaiming = false;
  lease.granted += Math.max(0, claimed - Math.max(0, total - requests));
  lease.isExhausted = total >= requests;
}
