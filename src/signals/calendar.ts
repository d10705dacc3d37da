/** What the calendar of one zone says for a stretch of time, `from` ≤ instant < `until`, wall-clock ms. */
export interface CalendarSlot {
  readonly from: number;
  readonly until: number;
  /** 0–23 */
  readonly hour: number;
  readonly weekday: Weekday;
  /** `2026-03-29` */
  readonly date: string;
}

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Gives the slot of an instant; undefined for instants outside the years 1970 to 9999 and for what is no number. */
export type Calendar = (at: number) => CalendarSlot | undefined;

/**
 * Offsets of all zones are multiples of a quarter of an hour since 1972, so within a quarter (UTC) neither hour nor date can
 * change, daylight saving or not. Asking the time-zone database costs some microseconds; this way it is asked once a quarter.
 */
const SLOT_MS = 900_000;
const LAST_INSTANT = Date.UTC(9999, 11, 30);

const calendars = new Map<string, Calendar>();

/** The calendar of an IANA zone, shared by all that read it; undefined when there is no such zone. */
export function calendarOf(timeZone: string): Calendar | undefined {
  const known = calendars.get(timeZone);
  if (known !== undefined) return known;
  const read = partsReader(timeZone);
  if (read === undefined) return undefined;
  let slot: CalendarSlot | undefined;
  const calendar: Calendar = (at) => {
    if (slot !== undefined && at >= slot.from && at < slot.until) return slot;
    // written so that NaN fails it
    if (!(at >= 0 && at < LAST_INSTANT)) return undefined;
    const from = at - (at % SLOT_MS);
    slot = { from, until: from + SLOT_MS, ...read(from) };
    return slot;
  };
  calendars.set(timeZone, calendar);
  return calendar;
}

type Parts = Pick<CalendarSlot, 'hour' | 'weekday' | 'date'>;

function partsReader(timeZone: string): ((at: number) => Parts) | undefined {
  const format = formatIn(timeZone);
  if (format === undefined) return undefined;
  return (at) => {
    const text = new Map(format.formatToParts(at).map((part) => [part.type, part.value]));
    const part = (type: Intl.DateTimeFormatPartTypes): string => text.get(type) ?? '';
    return {
      hour: Number(part('hour')),
      weekday: part('weekday').toLowerCase() as Weekday,
      date: `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`,
    };
  };
}

function formatIn(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
    });
  } catch (error) {
    // the only error of this constructor that depends on its input: no such zone
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
