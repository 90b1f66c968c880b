import { LRUCache } from 'lru-cache';
import { setTimeout as delay } from 'node:timers/promises';
import { parseChange, readChanges, type Change } from '../content/change-list.js';
import { compareTrees } from '../content/compare-trees.js';
import type { Layout } from '../content/layout.js';
import { MillpondError } from '../core/errors.js';
import { DifferenceSum, type TreeDifference } from '../core/tree-difference.js';
import type { Store } from '../store/open.js';

/** A generation that can be compared, and where its tree is. */
interface Comparable {
  /** The same name never stands for two trees. */
  readonly key: string;
  readonly root: string;
}

/** Of a comparison that runs over them, bytes of the list. */
const LONGEST_LIST = 256 * 1024 * 1024;
const REMEMBERED = 8;
/** Comparisons that wait for the one that runs. */
const MOST_WAITING = 4;
const WAIT_MS = 10_000;
const RETRY_SECONDS = 10;

/**
 * How generations differ: told by the list of changes where one was made from the other, else found by looking at both
 * trees, one comparison at a time. The last results are remembered.
 */
export class TreeDifferences {
  readonly #known = new LRUCache<string, TreeDifference>({ max: REMEMBERED });
  readonly #underWay = new Map<string, Promise<TreeDifference>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: { readonly store: Store; readonly layout: Layout }) {}

  /**
   * From the generation of one name to that of the other: `live`, `previous` or a stamp.
   * @throws MillpondError not-found, unavailable (it takes longer: to be asked again), conflict
   */
  async between(mirror: string, from: string, to: string): Promise<TreeDifference> {
    const [before, after] = [this.#find(mirror, from), this.#find(mirror, to)];
    const key = `${mirror} ${before.key} ${after.key}`;
    const known = this.#known.get(key);
    if (known) return known;
    const working = this.#underWay.get(key) ?? this.#begin(mirror, key, { before, after, from, to });
    const timer = new AbortController();
    try {
      const found = await Promise.race([working, delay(WAIT_MS, undefined, { signal: timer.signal })]);
      if (found) return found;
    } finally {
      timer.abort();
    }
    throw tooEarly('Both trees are being compared.');
  }

  #begin(
    mirror: string,
    key: string,
    asked: { before: Comparable; after: Comparable; from: string; to: string },
  ): Promise<TreeDifference> {
    if (this.#underWay.size >= MOST_WAITING) throw tooEarly('Other trees are being compared.');
    const { before, after, from, to } = asked;
    const working = this.#last.then(async () => {
      const list = this.#listBetween(mirror, from, to);
      const found = await (list === null ? compared(before.root, after.root) : told(list));
      // a slot may have been given to a run meanwhile
      if (this.#find(mirror, from).key !== before.key || this.#find(mirror, to).key !== after.key)
        throw tooEarly('One of both trees has been replaced.');
      this.#known.set(key, found);
      return found;
    });
    this.#last = working.catch(() => undefined).then(() => this.#underWay.delete(key));
    this.#underWay.set(key, working);
    return working;
  }

  #find(mirror: string, name: string): Comparable {
    const { store, layout } = this.deps;
    if (name === 'live' || name === 'previous') {
      const found = store.generations.inState(mirror, name);
      if (found) return { key: `#${found.id}`, root: layout.slot(mirror, found.slot) };
    } else if (store.kept.list(mirror).some(({ stamp }) => stamp === name))
      return { key: name, root: layout.kept(mirror, name) };
    throw new MillpondError(
      'not-found',
      `The mirror "${mirror}" has no generation ${JSON.stringify(name.slice(0, 40))}.`,
      {
        hint: `Those that there are: /${mirror}/@/`,
      },
    );
  }

  /** The list that the live slot was made by; after a rollback it is the other slot's, and tells of the way back. */
  #listBetween(mirror: string, from: string, to: string): string | null {
    if (from !== 'previous' || to !== 'live') return null;
    const { store, layout } = this.deps;
    const live = store.generations.live(mirror);
    return live && store.mirrors.staging(mirror)?.base !== live.id ? layout.changes(mirror, live.slot) : null;
  }
}

async function told(list: string): Promise<TreeDifference> {
  const sum = new DifferenceSum();
  for await (const change of readChanges(list, 0, LONGEST_LIST)) addTo(sum, change);
  return sum.result();
}

async function compared(from: string, to: string): Promise<TreeDifference> {
  const sum = new DifferenceSum();
  const add = (records: string[]): void => {
    for (const record of records) {
      const change = parseChange(record);
      if (change) addTo(sum, change);
    }
  };
  await compareTrees(from, to, add, { most: LONGEST_LIST });
  return sum.result();
}

/** Folders are there because of what they hold. */
function addTo(sum: DifferenceSum, { kind, created, attributesOnly, folder, path, size }: Change): void {
  if (kind === 'deleted' && !folder) sum.add('removed', path, 0);
  else if (kind === 'file' || kind === 'link') {
    if (created) sum.add('added', path, size);
    else if (!attributesOnly) sum.add('changed', path, size);
  }
}

function tooEarly(sentence: string): MillpondError {
  return new MillpondError('unavailable', sentence, { hint: `Ask again in ${RETRY_SECONDS} seconds.` });
}
