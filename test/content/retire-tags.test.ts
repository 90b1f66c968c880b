import { beforeEach, describe, expect, test } from 'vitest';
import type { Settings } from '../../config/settings.js';
import type { Candidate } from '../../content/collect-garbage.js';
import { retireTags } from '../../content/retire-tags.js';
import { rollBackTag } from '../../content/roll-back-tag.js';
import { shortDigest } from '../../core/oci/digest.js';
import { buildImage, buildIndex } from '../fixtures/image-builder.js';
import { parse } from '../config/parsing.js';
import { DAY, HOUR, ImageStore } from './image-store.js';

let here: ImageStore;
beforeEach(async () => {
  here = await ImageStore.open();
});

const image = buildImage({ seed: 'one' });
const other = buildImage({ seed: 'two' });

interface Options {
  readonly immutable?: string;
  readonly more?: string;
}

function settings(rules: string, { immutable = '[]', more = '' }: Options = {}): Settings {
  return parse(`registry: { retention: [${rules}], immutable: ${immutable} }\n${more}`);
}

/** Tags that went, in their order, and why. */
async function retire(rules: string, options: Options & { dryRun?: boolean } = {}): Promise<Map<string, string>> {
  const gone = new Map<string, string>();
  const onCandidate = (candidate: Candidate): void => {
    if (candidate.kind === 'tag') gone.set(candidate.tag, candidate.why);
  };
  const how = { onCandidate, dryRun: options.dryRun ?? false };
  const parts = { store: here.store, clock: here.clock, settings: settings(rules, options) };
  expect(await retireTags(parts, how)).toBe(gone.size);
  return gone;
}

async function retired(rules: string, options: Options = {}): Promise<string[]> {
  return [...(await retire(rules, options)).keys()];
}

function left(repository = 'lab/app'): string[] {
  return here.store.tags.names(repository, '', 1000);
}

/** Pushes so many tags, a day apart; the last one a day ago. */
async function pushDaily(prefix: string, count: number): Promise<void> {
  for (let day = 1; day <= count; day++) {
    await here.push('lab/app', image, { tags: [`${prefix}${day}`] });
    here.now += DAY;
  }
}

describe('retireTags', () => {
  test('lets go what was pushed longer ago, and says so', async () => {
    await pushDaily('t', 4);
    here.now += HOUR;
    expect(await retire('{ repositories: lab/*, older_than: 3d }')).toEqual(
      new Map([
        ['t1', 'pushed 4 d 1 h ago; rule 1 of registry.retention keeps what was pushed within 3 d'],
        ['t2', 'pushed 3 d 1 h ago; rule 1 of registry.retention keeps what was pushed within 3 d'],
      ]),
    );
    expect(left()).toEqual(['t3', 't4']);
  });

  test('keeps the newest by push, not by name, and counts only tags that the rule names', async () => {
    await pushDaily('z', 2);
    await pushDaily('a', 2);
    await here.push('lab/app', image, { tags: ['stable', 'latest'] });
    expect(await retired('{ repositories: lab/*, tags: ["a*", "z*"], keep_newest: 2 }')).toEqual(['z1', 'z2']);
    expect(left()).toEqual(['a1', 'a2', 'latest', 'stable']);
  });

  test('keeps as many of each repository as there may be, also of many pages, and of those pushed at once', async () => {
    const tags = Array.from({ length: 450 }, (_, index) => `n${1000 + index}`);
    await here.push('lab/app', image, { tags });
    await here.push('lab/small', image, { tags: ['one', 'two'] });
    expect(await retired('{ repositories: lab/*, keep_newest: 3 }')).toHaveLength(447);
    expect(left()).toEqual(['n1447', 'n1448', 'n1449']);
    expect(left('lab/small')).toEqual(['one', 'two']);
  });

  test('lets go only what has passed every limit', async () => {
    await pushDaily('t', 5);
    const rule = '{ repositories: lab/*, keep_newest: 1, older_than: 2d, unpulled_for: 3d }';
    here.store.tags.addPulls('lab/app', 't1', { pulls: 1, at: here.now - DAY });
    const gone = await retire(rule);
    expect([...gone.keys()]).toEqual(['t2']);
    expect(gone.get('t2')).toBe(
      'pushed 4 d ago and never pulled; rule 1 of registry.retention keeps ' +
        'the newest, what was pushed within 2 d, and what was pulled or pushed within 3 d',
    );
  });

  test('counts a pull by digest, and of a manifest that an index names', async () => {
    const index = buildIndex([other]);
    await here.push('lab/app', image, { tags: ['pinned'] });
    await here.push('lab/app', index, { tags: ['index'] });
    await here.push('lab/app', buildImage({ seed: 'three' }), { tags: ['idle'] });
    here.now += 10 * DAY;
    here.store.repositories.setPulled('lab/app', image.digest, here.now - DAY);
    here.store.repositories.setPulled('lab/app', other.digest, here.now - DAY);
    expect(await retired('{ repositories: lab/*, unpulled_for: 5d }')).toEqual(['idle']);
    here.now += 10 * DAY;
    const gone = await retire('{ repositories: lab/*, unpulled_for: 5d }');
    expect(gone.get('pinned')).toContain('pushed 20 d ago and pulled 11 d ago; rule 1');
    expect(left()).toEqual([]);
  });

  test('counts a push of the image that the tag had already', async () => {
    await here.push('lab/app', image, { tags: ['weekly'] });
    here.now += 10 * DAY;
    await here.pushManifest('lab/app', image, { tags: ['weekly'] });
    expect(await retired('{ repositories: lab/*, older_than: 5d }')).toEqual([]);
    here.now += 6 * DAY;
    expect(await retired('{ repositories: lab/*, older_than: 5d }')).toEqual(['weekly']);
  });

  test('takes the first rule that names repository and tag, and no other', async () => {
    await pushDaily('nightly-', 2);
    await pushDaily('x', 1);
    here.now += 9 * DAY;
    const rules =
      '{ repositories: lab/none, older_than: 1h }, { repositories: lab/*, tags: nightly-*, older_than: 300d }, ' +
      '{ repositories: "**", keep_newest: 1 }, { repositories: "**", older_than: 1d }';
    expect(await retired(rules)).toEqual([]);
    await pushDaily('y', 1);
    const gone = await retire(rules);
    expect(gone).toEqual(new Map([['x1', 'pushed 11 d ago; rule 3 of registry.retention keeps the newest']]));
  });

  test('never touches immutable tags, which do not count as newest ones', async () => {
    await pushDaily('t', 2);
    await pushDaily('v', 2);
    const immutable = '["v*"]';
    expect(await retired('{ repositories: lab/*, keep_newest: 1 }', { immutable })).toEqual(['t1']);
    expect(left()).toEqual(['t2', 'v1', 'v2']);
  });

  test('never touches what is mirrored or fetched on demand', async () => {
    await here.push('q/app', image, { tags: ['a'], origin: 'cached' });
    await here.push('old/app', image, { tags: ['a'], origin: 'mirrored' });
    await here.push('lab/mirrored', image, { tags: ['a'] });
    here.now += 10 * DAY;
    const more =
      'registries: { q: { url: "https://q" } }\n' +
      'images: [{ from: q/x, as: lab/mirrored, tags: "*", schedule: manual }]';
    expect(await retired('{ repositories: "**", older_than: 1d }', { more })).toEqual([]);
  });

  test('changes nothing in a dry run, and finds the same', async () => {
    await pushDaily('t', 3);
    const rule = '{ repositories: lab/*, keep_newest: 1 }';
    const before = await retire(rule, { dryRun: true });
    expect(left()).toEqual(['t1', 't2', 't3']);
    expect(await retire(rule)).toEqual(before);
    expect(left()).toEqual(['t3']);
  });

  test('keeps what went in the history of the tag, and its bytes until they are collected', async () => {
    await here.push('lab/app', image, { tags: ['old'] });
    here.now += 10 * DAY;
    await retire('{ repositories: lab/*, older_than: 1d }');
    expect(here.store.tags.history('lab/app', 'old', 9)).toMatchObject([
      { digest: image.digest, replacedAt: here.now },
    ]);
    await here.collect();
    expect(here.isWhole('lab/app', image)).toBe(true);
    here.now += 8 * DAY;
    await here.collect();
    expect(here.isGone(image)).toBe(true);
  });

  test('counts a rollback as a push: what went by a rule can be brought back', async () => {
    await here.push('lab/app', image, { tags: ['old'] });
    here.now += 10 * DAY;
    const rule = '{ repositories: lab/*, older_than: 5d }';
    expect(await retired(rule)).toEqual(['old']);
    const { store, clock } = here;
    store.transaction(() =>
      rollBackTag({ store, clock, keepHistory: 10 }, { repository: 'lab/app', tag: 'old', to: null }),
    );
    expect(await retired(rule)).toEqual([]);
  });

  test('leaves signatures to their image: they neither count nor go before it', async () => {
    const signature = `sha256-${image.digest.slice('sha256:'.length)}.sig`;
    await here.push('lab/app', image, { tags: ['old'] });
    await here.push('lab/app', other, { tags: [signature] });
    here.now += 10 * DAY;
    const rule = '{ repositories: lab/*, tags: [old, "sha256-*"], keep_newest: 1 }';
    expect(await retired(rule)).toEqual([]);
    const old = '{ repositories: lab/*, tags: old, older_than: 1d }';
    expect(await retired(old)).toEqual(['old']);
    here.now += 8 * DAY;
    expect(await retired(old)).toEqual([]);
    await here.collect();
    expect(await retire(old)).toEqual(
      new Map([[signature, `pushed 18 d ago, and belongs to ${shortDigest(image.digest)}, which lab/app has not`]]),
    );
  });

  test('leaves a signature that came before its image the grace', async () => {
    const signature = `sha256-${image.digest.slice('sha256:'.length)}.sig`;
    await here.push('lab/app', other, { tags: [signature] });
    here.now += DAY;
    expect(await retired('{ repositories: lab/*, keep_newest: 1 }')).toEqual([]);
    here.now += 1;
    expect(await retired('{ repositories: lab/*, keep_newest: 1 }')).toEqual([signature]);
  });

  test('leaves alone what is pushed while it works', async () => {
    const tags = Array.from({ length: 250 }, (_, index) => `n${1000 + index}`);
    await here.push('lab/app', image, { tags });
    here.now += DAY;
    await here.push('lab/app', image, { tags: ['newest'] });
    let isPushed = false;
    const onCandidate = async (): Promise<void> => {
      if (isPushed) return;
      isPushed = true;
      here.now += 1;
      await here.push('lab/app', other, { tags: ['n1249', 'new'] });
    };
    const parts = {
      store: here.store,
      clock: here.clock,
      settings: settings('{ repositories: lab/*, keep_newest: 1 }'),
    };
    expect(await retireTags(parts, { onCandidate })).toBe(249);
    expect(left()).toEqual(['n1249', 'new', 'newest']);
  });

  test('ends when it is told to', async () => {
    await pushDaily('t', 2);
    const parts = {
      store: here.store,
      clock: here.clock,
      settings: settings('{ repositories: lab/*, keep_newest: 1 }'),
    };
    await expect(retireTags(parts, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
