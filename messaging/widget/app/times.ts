/**
 * Times on the bank's own clock, as its statements, its app and its people tell them; calendar dates as the bank
 * wrote them, never moved by a zone.
 */

const CALENDAR_DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DAY_MS = 86_400_000;

const clocks = new Map<string, Intl.DateTimeFormat>();
let zone: string | undefined; // The reader's own until the bank has told its.

/** From now on tell times on the clock of `wanted` (IANA); one that this browser does not know is passed over. */
export function tellTimesIn(wanted: string | undefined): void {
  try {
    zone = wanted && new Intl.DateTimeFormat("en", { timeZone: wanted }).resolvedOptions().timeZone;
  } catch {
    zone = undefined;
  }
}

function clock(locale: string, options: Intl.DateTimeFormatOptions, timeZone = zone): Intl.DateTimeFormat {
  if (!timeZone) return new Intl.DateTimeFormat(locale, options);
  const key = `${locale} ${timeZone} ${JSON.stringify(options)}`;
  let format = clocks.get(key);
  if (!format) clocks.set(key, (format = new Intl.DateTimeFormat(locale, { ...options, timeZone })));
  return format;
}

const known = (instant: string): Date | null => {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? null : date;
};

/** "14:02" */
export function timeText(instant: string, locale: string): string {
  const date = known(instant);
  return date ? clock(locale, { hour: "numeric", minute: "2-digit" }).format(date) : "";
}

/** "3 Mar" for a calendar date or an instant; the year only where it is not this one. */
export function dateText(day: string, locale: string, now: Date): string {
  const parts = CALENDAR_DATE.exec(day);
  const date = parts ? new Date(Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]))) : known(day);
  if (!date) return "";
  const year = (parts ? day : dayKey(date)).slice(0, 4) === dayKey(now).slice(0, 4);
  const shown = { day: "numeric", month: "short", ...(year ? {} : { year: "numeric" as const }) } as const;
  return clock(locale, shown, parts ? "UTC" : zone).format(date);
}

/** "March 2026" for a month. */
export function monthText(month: string, locale: string): string {
  const date = new Date(`${month}-01`);
  if (Number.isNaN(date.getTime())) return "";
  return clock(locale, { month: "long", year: "numeric" }, "UTC").format(date);
}

/** "3 Mar, 14:02", or the time alone for today. */
export function momentText(instant: string, locale: string, now: Date): string {
  const date = known(instant);
  if (!date) return "";
  if (dayKey(date) === dayKey(now)) return timeText(instant, locale);
  return clock(locale, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" }).format(date);
}

/** One value per day: "2026-03-03". */
export function dayKey(date: Date): string {
  const parts = clock("en", { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(date);
  const part = (type: string) => parts.find((it) => it.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

/** "Today", "Yesterday", "Monday 3 March". */
export function dayText(date: Date, locale: string, now: Date): string {
  const day = dayKey(date);
  const days = Math.round((Date.parse(day) - Date.parse(dayKey(now))) / DAY_MS);
  return days === 0 || days === -1 ? relativeText(days, locale) : longText(date, day, locale, now);
}

function relativeText(days: number, locale: string): string {
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day");
  return words.charAt(0).toLocaleUpperCase(locale) + words.slice(1);
}

function longText(date: Date, day: string, locale: string, now: Date, timeZone = zone): string {
  const year = day.slice(0, 4) === dayKey(now).slice(0, 4) ? {} : { year: "numeric" as const };
  return clock(locale, { weekday: "long", day: "numeric", month: "long", ...year }, timeZone).format(date);
}

/** A calendar date seen from today on the bank's clock: "Tomorrow", "Friday 6 March". */
export function calendarText(day: string, locale: string, now: Date): string {
  if (!CALENDAR_DATE.test(day)) return "";
  const days = Math.round((Date.parse(day) - Date.parse(dayKey(now))) / DAY_MS);
  return Math.abs(days) <= 1 ? relativeText(days, locale) : longText(new Date(day), day, locale, now, "UTC");
}

/** "CET" where the bank's clock is not the reader's own, else nothing. */
export function zoneText(date: Date, locale: string): string {
  if (!zone) return "";
  const told = { day: "numeric", hour: "numeric", minute: "2-digit" } as const;
  const theirs = new Intl.DateTimeFormat("en", told).format(date);
  if (clock("en", told).format(date) === theirs) return "";
  const parts = clock(locale, { timeZoneName: "short" }).formatToParts(date);
  return parts.find((it) => it.type === "timeZoneName")?.value ?? "";
}
