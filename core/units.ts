const SECONDS: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 };
const DURATION = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** SI prefixes count in thousands, IEC prefixes in 1024s (IEC 80000-13). */
const BYTES: Readonly<Record<string, number>> = {
  ...{ B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50 },
};
const BITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9, Tbit: 1e12 };

/** Reads `15s`, `5m`, `12h`, `1h30m`, `7d`, `2w` (units in falling order) as seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const parts = DURATION.exec(text);
  if (!parts || text === '') return undefined;
  const seconds = Object.values(SECONDS).reduce((sum, unit, index) => sum + unit * Number(parts[index + 1] ?? 0), 0);
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}

/** Reads `500GB`, `1.5 TB` (thousands), `10GiB` (1024s) as whole bytes; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  return parseAmount(text, BYTES);
}

/** Reads `50MB/s`, `10MiB/s`, `2Gbit/s` as whole bytes a second; undefined for anything else. */
export function parseRate(text: string): number | undefined {
  if (!text.endsWith('/s')) return undefined;
  const amount = text.slice(0, -2);
  const bits = parseAmount(amount, BITS);
  return bits === undefined ? parseAmount(amount, BYTES) : Math.floor(bits / 8);
}

/** Reads `5%` as 0.05; undefined for anything that is not 0% to 100%. */
export function parseShare(text: string): number | undefined {
  const percent = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/.exec(text)?.[1];
  if (percent === undefined || Number(percent) > 100) return undefined;
  return Number(percent) / 100;
}

/** Reads `1m..1h` as two durations in seconds; undefined for anything else, or when the first is the longer. */
export function parseDurationRange(text: string): { from: number; to: number } | undefined {
  const [first, second, ...rest] = text.split('..');
  const from = parseDuration(first ?? '');
  const to = parseDuration(second ?? '');
  if (from === undefined || to === undefined || rest.length > 0 || from > to) return undefined;
  return { from, to };
}

/** Bytes as people read them, in thousands (SI): `0 B`, `1.9 TB`, `512 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  let value = bytes;
  let unit = 0;
  // 999.5 would be rounded to 1000, which is one of the next unit
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || Math.abs(value) >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Seconds as people read them, in the two largest units: `0.4 s`, `45 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${Number(Math.max(0, seconds).toFixed(1))} s`;
  for (const { unit, size, next, nextSize } of TWO_UNITS) {
    // rounded first: 59.7 seconds are one minute, not 60 seconds
    const rounded = Math.round(seconds / nextSize);
    const perUnit = size / nextSize;
    if (rounded < perUnit) continue;
    const rest = rounded % perUnit;
    return `${Math.floor(rounded / perUnit)} ${unit}${rest === 0 ? '' : ` ${rest} ${next}`}`;
  }
  return `${Math.round(seconds)} s`;
}

/** A whole number with its thousands grouped, `1,234,567`. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** A count and what is counted: `1 file`, `2,000 files`. */
export function countOf(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function formatFiles(count: number): string {
  return countOf(count, 'file', 'files');
}

const TWO_UNITS = [
  { unit: 'd', size: 86_400, next: 'h', nextSize: 3_600 },
  { unit: 'h', size: 3_600, next: 'min', nextSize: 60 },
  { unit: 'min', size: 60, next: 's', nextSize: 1 },
] as const;
const COUNT = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

function parseAmount(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit] = /^(\d{1,15}(?:\.\d{1,9})?) ?([a-zA-Z]+)$/.exec(text) ?? [];
  const size = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (number === undefined || size === undefined) return undefined;
  const amount = Math.round(Number(number) * size);
  return Number.isSafeInteger(amount) ? amount : undefined;
}
