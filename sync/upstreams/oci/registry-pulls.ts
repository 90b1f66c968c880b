/** Pulls that were made soon after each other. Milliseconds since the epoch, UTC. */
export interface PullGroup {
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** So many groups cover a window: what is kept is bounded, and a pull is forgotten at most a sixtieth too late. */
const GROUPS = 60;

/** The groups that still count at `now`, where `window` is in milliseconds; those of a clock gone wrong are dropped. */
export function recentPulls(groups: readonly PullGroup[], now: number, window: number): PullGroup[] {
  return groups.filter(({ last }) => last + window > now && last <= now + window);
}

export function countPulls(groups: readonly PullGroup[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

/** `groups` and one more pull at `now`. */
export function addPull(groups: readonly PullGroup[], now: number, window: number): PullGroup[] {
  const newest = groups.at(-1);
  const isOfGroup = newest !== undefined && now >= newest.last && now - newest.first < window / GROUPS;
  return isOfGroup
    ? [...groups.slice(0, -1), { ...newest, last: now, count: newest.count + 1 }]
    : [...groups, { first: now, last: now, count: 1 }].slice(-2 * GROUPS);
}

/** `groups` without the newest pull. */
export function dropPull(groups: readonly PullGroup[]): PullGroup[] {
  const newest = groups.at(-1);
  if (!newest) return [];
  const left = newest.count > 1 ? [{ ...newest, count: newest.count - 1 }] : [];
  return [...groups.slice(0, -1), ...left];
}

/** When `wanted` pulls more may be made than now, because older ones have left the window. */
export function timeOfRoom(groups: readonly PullGroup[], wanted: number, now: number, window: number): number {
  let room = 0;
  for (const { last, count } of groups) {
    room += count;
    if (room >= wanted) return last + window;
  }
  return now + window;
}
