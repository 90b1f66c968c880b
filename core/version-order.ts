/** Words of a version that come before the version itself: 13.0-rc1 is older than 13.0. */
const EARLY: Readonly<Record<string, number>> = { dev: 1, snapshot: 1, alpha: 2, a: 2, beta: 3, b: 3, pre: 4, rc: 5 };
/** What moves with the newest, and so is newer than any number. */
const ROLLING: ReadonlySet<string> = new Set(['current', 'latest', 'rolling']);

/** As many parts of a version are compared. */
const MOST_PARTS = 32;

/**
 * Orders versions from old to new, for `sort`: numbers as numbers, however they are divided; a word such as `rc` or `beta`
 * before the version without it; numbers before names without any (code names are in the order of the alphabet).
 */
export function compareVersions(one: string, other: string): number {
  const rolling = Number(ROLLING.has(one.toLowerCase())) - Number(ROLLING.has(other.toLowerCase()));
  if (rolling !== 0) return rolling;
  const [a, b] = [partsOf(one), partsOf(other)];
  const isNumber = Number(typeof a[0] === 'number') - Number(typeof b[0] === 'number');
  if (isNumber !== 0) return isNumber;
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const order = compareParts(a[index], b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function partsOf(version: string): (number | string)[] {
  const parts = version.toLowerCase().match(/\d+|[a-z]+/g) ?? [];
  return parts.slice(0, MOST_PARTS).map((part) => (/^\d/.test(part) ? Number(part) : part));
}

/** Undefined is where the version has ended. */
function compareParts(one: number | string | undefined, other: number | string | undefined): number {
  if (one === other) return 0;
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  if (typeof one === 'string' && typeof other === 'string')
    return earlyRank(one) - earlyRank(other) || (one < other ? -1 : 1);
  return placeOf(one) - placeOf(other);
}

/** An early word, the end, any other word, a number: in this order. */
function placeOf(part: number | string | undefined): number {
  if (part === undefined) return 1;
  if (typeof part === 'number') return 3;
  return Object.hasOwn(EARLY, part) ? 0 : 2;
}

function earlyRank(word: string): number {
  return (Object.hasOwn(EARLY, word) ? EARLY[word] : undefined) ?? 9;
}
