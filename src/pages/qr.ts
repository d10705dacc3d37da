import { encode } from 'uqr';
import { type Html, html } from './html.ts';

/** White margin that readers need (ISO/IEC 18004, 5.3.8). */
const QUIET_MODULES = 4;

/**
 * A QR code as inline SVG: no script, no style, no outside picture, so it holds the pages' content security policy. Black on
 * white in both colour schemes, for many readers do not see it the other way round.
 */
export function qrCode(text: string, label: string): Html {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET_MODULES });
  const path = data.map((row, y) => runsOf(row, y)).join('');
  return html`<svg class="qr" role="img" aria-label="${label}" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#fff"/><path fill="#000" d="${path}"/></svg>`;
}

/** The dark modules of one row, each run as one rectangle. */
function runsOf(row: readonly boolean[], y: number): string {
  let path = '';
  for (let x = 0; x < row.length; x++) {
    if (row[x] !== true) continue;
    const from = x;
    while (row[x + 1] === true) x++;
    const length = x - from + 1;
    path += `M${from} ${y}h${length}v1h-${length}z`;
  }
  return path;
}
