const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const IMF_FIXDATE = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const RFC850_DATE = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const ASCTIME_DATE = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/** Milliseconds since the epoch as an HTTP date, whole seconds (RFC 9110 section 5.6.7). */
export function formatHttpDate(time: number): string {
  return new Date(time).toUTCString();
}

/**
 * An HTTP date in any of its three forms as milliseconds since the epoch, or undefined: a field with another value is
 * ignored (RFC 9110 sections 5.6.7 and 13.1). `now` (ms) decides the century of a year of two digits.
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  const fixdate = IMF_FIXDATE.exec(text);
  if (fixdate) return timeOf([fixdate[3], fixdate[2], fixdate[1], fixdate[4], fixdate[5], fixdate[6]]);
  const old = RFC850_DATE.exec(text);
  if (old) return timeOf([fullYear(Number(old[3]), now), old[2], old[1], old[4], old[5], old[6]]);
  const asctime = ASCTIME_DATE.exec(text);
  if (asctime) return timeOf([asctime[6], asctime[1], asctime[2], asctime[3], asctime[4], asctime[5]]);
  return undefined;
}

/** Fields in the order year, month, day, hour, minute, second; a leap second is the one after it. */
function timeOf(fields: readonly (string | number | undefined)[]): number | undefined {
  const [year = NaN, , day = NaN, hour = NaN, minute = NaN, second = NaN] = fields.map(Number);
  const month = MONTHS.indexOf(String(fields[1]));
  if (month < 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return undefined;
  const time = new Date(0);
  time.setUTCFullYear(year, month, day);
  if (time.getUTCDate() !== day) return undefined;
  return time.setUTCHours(hour, minute, second);
}

/** A year that seems to be over 50 years ahead is in the past (RFC 9110 section 5.6.7). */
function fullYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
