import type { Language } from './languages.ts';

/** From two of a unit on that unit is used: `90 minutes` says more than `1 hour` or `2 hours`. Longest first. */
const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const;

/**
 * A duration as people say it, `30 seconds`, `15 minutes`, `36 hours` or `30 days`, in the words of the language (CLDR units). Rounded
 * up, so that whoever waits for as long does not come too early; less than none is none.
 */
export function durationText(language: Language, seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const [unit, length] = UNITS.find(([, each]) => whole >= 2 * each) ?? (['second', 1] as const);
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(
    Math.ceil(whole / length),
  );
}
