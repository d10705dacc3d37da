import type { AttributeType } from '../core/attribute.ts';
import { LEVELS } from '../core/decision.ts';
import { isDuration, parseDuration } from '../schema/units.ts';
import { parseAddress } from './address.ts';
import type { Scalar } from './syntax.ts';

/** A literal of a file as the engine compares it, or what is wrong with it. */
export type Literal =
  | { readonly ok: true; readonly value: Scalar }
  | { readonly ok: false; readonly problem: string; readonly suggestion?: string };

const good = (value: Scalar): Literal => ({ ok: true, value });
const bad = (problem: string, suggestion?: string): Literal =>
  suggestion === undefined ? { ok: false, problem } : { ok: false, problem, suggestion };

/** RFC 3339 with an offset → wall-clock ms; undefined otherwise (also for the 30th of February and leap seconds). */
export function parseInstant(text: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/.exec(text);
  if (match === null || parseDate(match[1] as string) === undefined) return undefined;
  if (Number(match[2]) > 23 || Number(match[3]) > 59 || Number(match[4]) > 59) return undefined;
  const ms = Date.parse(text.toUpperCase());
  return Number.isFinite(ms) ? ms : undefined;
}

/** A real day, `YYYY-MM-DD`, as it is; undefined otherwise. Such texts compare in the order of time. */
export function parseDate(text: string): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text) ? text : undefined;
}

/** `17.4.1` → its numbers; undefined otherwise. Missing parts count as zero when compared. */
export function parseVersion(text: string): readonly number[] | undefined {
  if (text.length > 64 || !/^\d{1,15}(\.\d{1,15})*$/.test(text)) return undefined;
  return text.split('.').map(Number);
}

/** Checks one literal against the type of the attribute it is compared with, or of what a test gives. */
export function parseLiteral(type: AttributeType, value: unknown): Literal {
  switch (type) {
    case 'string':
    case 'list':
      if (typeof value === 'string') return good(value);
      if (typeof value === 'number' || typeof value === 'boolean') {
        return bad(`${value} is a ${typeof value}, a text is needed`, `"${value}"`);
      }
      return bad(`a text is needed, not ${kindOf(value)}`);
    case 'number':
      if (typeof value === 'number' && Number.isFinite(value)) return good(value);
      if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) {
        return bad(`"${value}" is a text, a number is needed`, String(Number(value)));
      }
      return bad(`a number is needed, not ${kindOf(value)}`);
    case 'boolean':
      if (typeof value === 'boolean') return good(value);
      if (typeof value === 'string' && /^(yes|on|true)$/i.test(value)) return bad(`"${value}" is a text`, 'true');
      if (typeof value === 'string' && /^(no|off|false)$/i.test(value)) return bad(`"${value}" is a text`, 'false');
      return bad(`true or false is needed, not ${kindOf(value)}`);
    case 'level':
      return typeof value === 'string' && (LEVELS as readonly string[]).includes(value)
        ? good(value)
        : bad(`a level is needed, not ${kindOf(value)}`, LEVELS.join(', '));
    case 'duration':
      return fromText(
        value,
        (text) => (isDuration(text) ? parseDuration(text) : undefined),
        'a duration such as 15m, 1h30m or 7d is needed',
        hintDuration,
      );
    case 'instant':
      return fromText(value, parseInstant, 'an instant such as 2026-05-01T08:00:00Z is needed');
    case 'date':
      return fromText(value, parseDate, 'a day such as 2026-05-01 is needed');
    case 'address':
      return fromText(
        value,
        (text) => (parseAddress(text) === undefined ? undefined : text),
        'an IPv4 or IPv6 address is needed',
      );
    case 'version':
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return good(String(value));
      if (typeof value === 'number')
        return bad(`${value} is a number and loses zeros: 17.10 would become 17.1`, `"${value}"`);
      return fromText(
        value,
        (text) => (parseVersion(text) === undefined ? undefined : text),
        'a version such as "17.4" is needed',
      );
  }
}

function fromText(
  value: unknown,
  parse: (text: string) => Scalar | undefined,
  needed: string,
  hint?: (value: unknown) => string | undefined,
): Literal {
  const parsed = typeof value === 'string' ? parse(value) : undefined;
  return parsed === undefined ? bad(`${needed}, not ${kindOf(value)}`, hint?.(value)) : good(parsed);
}

const hintDuration = (value: unknown): string | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? `${value}s` : undefined;

/** `a string`, `an instant`: how a message names what an attribute is. */
export const typeText = (type: AttributeType): string => `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;

/** How a message names what was found instead. Bounded. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  const text = String(value);
  return typeof value === 'string' ? `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"` : text;
}
