/** Times in the reader's zone; calendar dates as the bank wrote them, never moved by a zone. */

const CALENDAR_DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DAY_MS = 86_400_000;

const clocks = new Map<string, Intl.DateTimeFormat>();

function clock(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options);
  let format = clocks.get(key);
  if (!format) clocks.set(key, (format = new Intl.DateTimeFormat(locale, options)));
  return format;
}

const known = (instant: string): Date | null => {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? null : date;
};

/** "14:02" in the reader's zone. */
export function timeText(instant: string, locale: string): string {
  const date = known(instant);
  return date ? clock(locale, { hour: "numeric", minute: "2-digit" }).format(date) : "";
}

/** "3 Mar" for a calendar date or an instant; the year only where it is not this one. */
export function dateText(day: string, locale: string, now: Date): string {
  const parts = CALENDAR_DATE.exec(day);
  const date = parts ? new Date(Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]))) : known(day);
  if (!date) return "";
  const zone = parts ? { timeZone: "UTC" } : {};
  const year = clock("en", { year: "numeric", ...zone }).format(date) === String(now.getFullYear());
  return clock(locale, { day: "numeric", month: "short", ...(year ? {} : { year: "numeric" }), ...zone }).format(date);
}

/** "3 Mar, 14:02", or the time alone for today. */
export function momentText(instant: string, locale: string, now: Date): string {
  const date = known(instant);
  if (!date) return "";
  if (dayKey(date) === dayKey(now)) return timeText(instant, locale);
  return clock(locale, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" }).format(date);
}

/** One value per day in the reader's zone. */
export function dayKey(date: Date): string {
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/** "Today", "Yesterday", "Monday 3 March". */
export function dayText(date: Date, locale: string, now: Date): string {
  const noon = (it: Date) => Date.UTC(it.getFullYear(), it.getMonth(), it.getDate(), 12);
  const days = Math.round((noon(date) - noon(now)) / DAY_MS);
  if (days === 0 || days === -1) {
    const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day");
    return words.charAt(0).toLocaleUpperCase(locale) + words.slice(1);
  }
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  return clock(locale, { weekday: "long", day: "numeric", month: "long", ...year }).format(date);
}
