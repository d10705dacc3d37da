import type { Attribute, BindSite, Reader } from '../core/attribute.ts';
import { type Reading, unknown } from '../core/signal.ts';
import { type CalendarSlot, calendarOf, WEEKDAYS } from './calendar.ts';
import type { RequestContext } from './context.ts';
import { live, readUnknown } from './declare.ts';

/** A reader in the time zone of the file that mentions the attribute; unknown in a zone that does not exist. */
const inZone =
  (read: (slot: CalendarSlot) => Reading) =>
  ({ timeZone }: BindSite): Reader<RequestContext> => {
    const calendar = calendarOf(timeZone);
    if (calendar === undefined) return readUnknown;
    return ({ facts }) => {
      const slot = calendar(facts.at);
      return slot === undefined ? unknown : read(slot);
    };
  };

/** When the request arrived. One request has one instant, `facts.at`. */
export const timeAttributes: readonly Attribute<RequestContext>[] = [
  live({
    name: 'time.hour',
    type: 'number',
    unit: '0–23',
    meaning: 'hour of the day, in the time zone of the policy’s file',
    example: 9,
    source: 'clock',
    cost: 'cheap',
    scope: 'time',
    time: 'calendar',
    bind: inZone((slot) => slot.hour),
  }),
  live({
    name: 'time.weekday',
    type: 'string',
    meaning: 'day of the week, in the time zone of the policy’s file',
    values: WEEKDAYS,
    example: 'mon',
    source: 'clock',
    cost: 'cheap',
    scope: 'time',
    time: 'calendar',
    bind: inZone((slot) => slot.weekday),
  }),
  live({
    name: 'time.date',
    type: 'date',
    meaning: 'date, year-month-day, in the time zone of the policy’s file',
    example: '2026-03-29',
    source: 'clock',
    cost: 'cheap',
    scope: 'time',
    time: 'calendar',
    bind: inZone((slot) => slot.date),
  }),
  live({
    name: 'time.now',
    type: 'instant',
    unit: 'ms',
    meaning: 'instant of the request',
    example: '2026-03-29T12:00:00Z',
    source: 'clock',
    scope: 'time',
    time: 'instant',
    read: ({ facts }) => (Number.isFinite(facts.at) ? facts.at : unknown),
  }),
];
