// Numbers, times and foreign text as people read them. Pure: no DOM, no clock.

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `1234567` as `1,234,567`. */
export const grouped = (number) => GROUPED.format(number);

/** `2 files`, `1 file`. */
export const counted = (number, noun) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;

/** `is` of one, `are` of any other number. */
export const isOrAre = (number) => (number === 1 ? "is" : "are");

/** Bytes in the greatest decimal unit, with one place. */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = number;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${grouped(value)} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** A rate: whole from ten on, else with one place. */
export function rate(number) {
  return number > 0 && number < 9.95 ? number.toFixed(1) : grouped(number);
}

/** A whole share in per cent: not 0 and not 100 unless it is exactly that. */
export function percent(part, whole) {
  if (!(whole > 0)) return 0;
  const share = Math.round((part / whole) * 100);
  if (part > 0 && share === 0) return 1;
  if (part < whole && share === 100) return 99;
  return share;
}

const padded = (number) => String(number).padStart(2, "0");

/** A time span by its two greatest units: `42 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h`. */
export function span(ms) {
  const time = Math.max(0, ms);
  const whole = (unit) => Math.floor(time / unit);
  if (time >= DAY) return `${grouped(whole(DAY))} d ${padded(whole(HOUR) % 24)} h`;
  if (time >= HOUR) return `${whole(HOUR)} h ${padded(whole(MINUTE) % 60)} min`;
  if (time >= MINUTE) return `${whole(MINUTE)} min ${padded(whole(SECOND) % 60)} s`;
  return `${whole(SECOND)} s`;
}

/** How long ago something was, by its greatest unit. */
export function ago(ms) {
  const [unit, name] = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"]].find(([least]) => ms >= least) ?? [SECOND, "s"];
  return `${grouped(Math.floor(Math.max(0, ms) / unit))} ${name} ago`;
}

/** An estimate, no finer than it can be known; it changes seldom, so that it can be read out. */
export function about(ms) {
  const to = (unit) => Math.max(unit, Math.round(ms / unit) * unit);
  if (ms < MINUTE) return "a minute";
  if (ms < 10 * MINUTE) return `${to(MINUTE) / MINUTE} min`;
  if (ms < HOUR) return `${to(5 * MINUTE) / MINUTE} min`;
  return ms < DAY ? `${(to(HOUR / 2) / HOUR).toFixed(1)} h` : `${(to(DAY / 2) / DAY).toFixed(1)} days`;
}

/** A moment, milliseconds since the epoch, in RFC 3339. */
export function moment(ms) {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? "unknown" : time.toISOString();
}

// What steers a terminal or the direction of text, and what shows nothing. The program escapes the same.
const UNPRINTABLE = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/** Text from outside: characters that could make it read as another text are shown as `\u202e`. */
export function printable(text) {
  const escaped = (character) => `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`;
  return String(text).replace(UNPRINTABLE, escaped);
}
