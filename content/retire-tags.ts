import { setImmediate as nextTick } from 'node:timers/promises';
import { followedUpstream } from '../config/followed-upstream.js';
import { nameMatcher, type NameMatcher } from '../config/name-pattern.js';
import type { Settings } from '../config/settings.js';
import { tagMatcher } from '../config/tag-pattern.js';
import { shortDigest } from '../core/oci/digest.js';
import {
  byPush,
  isPastAge,
  keptByRule,
  subjectOfTag,
  type AgingTag,
  type RetentionRule,
} from '../core/oci/retention.js';
import { formatDuration } from '../core/units.js';
import type { Store } from '../store/open.js';
import type { CollectHow } from './collect-garbage.js';

export interface RetireOptions {
  readonly store: Store;
  readonly settings: Pick<Settings, 'registry' | 'registries' | 'images'>;
  readonly clock: () => number;
}

/** Rows that one step looks at, and tags that one transaction removes, so that a step takes milliseconds. */
const PAGE = 200;

interface CompiledRule {
  readonly rule: RetentionRule;
  /** As it is counted for people, from 1. */
  readonly number: number;
  readonly names: NameMatcher;
  readonly fits: (tag: string) => boolean;
}

interface Retired {
  readonly tag: AgingTag;
  readonly why: string;
}

/**
 * Removes tags by the rules of `registry.retention`, as somebody would by hand: what they pointed to stays in their history,
 * and its bytes until they are collected. The first rule that names repository and tag decides. Only in repositories
 * that are pushed to; never tags that are immutable, which do not count as newest ones either. A tag that tools made of a
 * digest goes when its repository has that digest no more. Others get a turn between two small steps. Returns how many.
 * @throws the signal's reason
 */
export async function retireTags(options: RetireOptions, how: CollectHow = {}): Promise<number> {
  const { store, settings } = options;
  const rules = compile(settings.registry.retention);
  if (rules.length === 0) return 0;
  let retired = 0;
  for (let after = ''; ;) {
    const repositories = store.repositories.page(after, PAGE);
    for (const { name } of repositories) {
      const own = rules.filter(({ names }) => names(name));
      if (own.length > 0 && isHosted(options, name)) retired += await new Retirement(options, how, name, own).run();
    }
    const last = repositories.at(-1);
    if (!last) return retired;
    after = last.name;
    await turn(how);
  }
}

/** The rules about a repository, in their order; none of one that follows an upstream. */
export function retentionOf(options: Pick<RetireOptions, 'store' | 'settings'>, repository: string): RetentionRule[] {
  if (!isHosted(options, repository)) return [];
  return options.settings.registry.retention.filter(({ repositories }) => nameMatcher(repositories)(repository));
}

/** Retirement in one repository. */
class Retirement {
  readonly #isImmutable: (tag: string) => boolean;
  /** Of each rule that counts, the last one of its newest; absent while there are not so many. */
  readonly #lastKept = new Map<CompiledRule, AgingTag>();
  readonly #now: number;

  constructor(
    private readonly options: RetireOptions,
    private readonly how: CollectHow,
    private readonly repository: string,
    private readonly rules: readonly CompiledRule[],
  ) {
    this.#isImmutable = anyOf(options.settings.registry.immutable);
    this.#now = options.clock();
  }

  async run(): Promise<number> {
    await this.#findNewest();
    let retired = 0;
    for await (const page of this.#pages()) {
      const found = page.flatMap((tag) => this.#judge(tag) ?? []);
      const gone = this.how.dryRun ? found : this.#remove(found);
      retired += gone.length;
      for (const { tag, why } of gone) {
        const { repository } = this;
        await this.how.onCandidate?.({ kind: 'tag', repository, tag: tag.tag, digest: tag.digest, bytes: 0, why });
      }
    }
    return retired;
  }

  /** What is pushed meanwhile is newer than the last one that is kept, so it stays as well. */
  async #findNewest(): Promise<void> {
    const counting = this.rules.filter(({ rule }) => rule.keepNewest !== null);
    if (counting.length === 0) return;
    const newest = new Map<CompiledRule, AgingTag[]>(counting.map((rule) => [rule, []]));
    for await (const page of this.#pages()) {
      for (const tag of page) {
        const rule = this.#ruleOf(tag);
        if (rule) newest.get(rule)?.push(tag);
      }
      for (const [{ rule }, tags] of newest) tags.sort(byPush).splice(rule.keepNewest ?? 0);
    }
    for (const [rule, tags] of newest) {
      const last = tags.at(-1);
      if (last && tags.length === rule.rule.keepNewest) this.#lastKept.set(rule, last);
    }
  }

  #judge(tag: AgingTag): Retired | null {
    const subject = subjectOfTag(tag.tag);
    if (subject !== null) return this.#judgeMade(tag, subject);
    const decides = this.#ruleOf(tag);
    if (!decides || !isPastAge(decides.rule, tag, this.#now)) return null;
    if (decides.rule.keepNewest !== null) {
      const lastKept = this.#lastKept.get(decides);
      if (!lastKept || byPush(tag, lastKept) <= 0 || tag.tag === lastKept.tag) return null;
    }
    const { rule, number } = decides;
    const pushed = `pushed ${this.#ago(tag.pushedAt)} ago`;
    const pulled = tag.pulledAt === null ? 'never pulled' : `pulled ${this.#ago(tag.pulledAt)} ago`;
    const ages = rule.unpulledFor === null ? pushed : `${pushed} and ${pulled}`;
    return { tag, why: `${ages}; rule ${number} of registry.retention keeps ${keptByRule(rule)}` };
  }

  /** A client may push what belongs to an image before the image, so that it has the grace for that. */
  #judgeMade(tag: AgingTag, subject: string): Retired | null {
    const { store, settings } = this.options;
    if (this.#isImmutable(tag.tag) || store.repositories.holds(this.repository, subject)) return null;
    if (this.#now - tag.pushedAt <= settings.registry.keep.grace * 1000) return null;
    const ago = this.#ago(tag.pushedAt);
    return { tag, why: `pushed ${ago} ago, and belongs to ${shortDigest(subject)}, which ${this.repository} has not` };
  }

  /** Asked again in the transaction: what was pushed or pulled since it was judged stays. */
  #remove(found: readonly Retired[]): Retired[] {
    const { store, clock } = this.options;
    const { repository } = this;
    if (found.length === 0) return [];
    return store.transaction(() => {
      if (!isHosted(this.options, repository)) return [];
      return found.filter(({ tag }) => {
        const now = store.retention.get(repository, tag.tag);
        if (now?.pushedAt !== tag.pushedAt || now.pulledAt !== tag.pulledAt || now.digest !== tag.digest) return false;
        const subject = subjectOfTag(tag.tag);
        if (subject !== null && store.repositories.holds(repository, subject)) return false;
        return store.tags.remove(repository, tag.tag, clock());
      });
    });
  }

  #ruleOf({ tag }: AgingTag): CompiledRule | undefined {
    if (subjectOfTag(tag) !== null || this.#isImmutable(tag)) return undefined;
    return this.rules.find(({ fits }) => fits(tag));
  }

  async *#pages(): AsyncGenerator<AgingTag[]> {
    for (let after = ''; ;) {
      const page = this.options.store.retention.page(this.repository, after, PAGE);
      const last = page.at(-1);
      if (!last) return;
      yield page;
      after = last.tag;
      await turn(this.how);
    }
  }

  #ago(at: number): string {
    return formatDuration(Math.max(0, this.#now - at) / 1000);
  }
}

/** What follows an upstream is changed by the sync alone. */
function isHosted({ store, settings }: Pick<RetireOptions, 'store' | 'settings'>, repository: string): boolean {
  return store.repositories.get(repository)?.origin === 'hosted' && followedUpstream(settings, repository) === null;
}

function compile(rules: readonly RetentionRule[]): CompiledRule[] {
  return rules.map((rule, index) => ({
    ...{ rule, number: index + 1, names: nameMatcher(rule.repositories) },
    fits: rule.tags.length === 0 ? () => true : anyOf(rule.tags),
  }));
}

function anyOf(patterns: readonly string[]): (tag: string) => boolean {
  const matchers = patterns.map(tagMatcher);
  return (tag) => matchers.some((fits) => fits(tag));
}

async function turn({ signal }: CollectHow): Promise<void> {
  signal?.throwIfAborted();
  await nextTick();
}
