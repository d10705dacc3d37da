import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { PALETTE, STYLE_HASH, STYLESHEET } from '../../src/pages/style.ts';

/** WCAG 2.2 relative luminance and contrast ratio. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe.each(['light', 'dark'] as const)('%s', (scheme) => {
  const colours = PALETTE[scheme];
  test.each([
    ['text', 'card', 4.5],
    ['text', 'ground', 4.5],
    ['muted', 'card', 4.5],
    ['muted', 'ground', 4.5],
    ['accent', 'card', 4.5],
    ['onAccent', 'accent', 4.5],
    ['alertText', 'alertGround', 4.5],
    ['line', 'card', 3],
    ['line', 'ground', 2.75],
  ] as const)('%s on %s', (text, ground, least) => {
    expect(contrast(colours[text], colours[ground])).toBeGreaterThanOrEqual(least);
  });
});

test('the hash is of what stands between the style tags', () => {
  expect(STYLE_HASH).toBe(`'sha256-${createHash('sha256').update(STYLESHEET).digest('base64')}'`);
  expect(STYLESHEET).not.toContain('<');
});
