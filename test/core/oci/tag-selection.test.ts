import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TagSelection } from '../../../core/oci/image-mirror.js';
import { selectTags, type TagPulls } from '../../../core/oci/tag-selection.js';
import { makeTagTools } from '../../../sync/upstreams/oci/tag-tools.js';

const NOTHING: TagSelection = {
  ...{ include: [], exclude: [], semver: null, latest: null, latestOf: 'all', pulledWithin: null },
};
const NOW = Date.UTC(2026, 0, 31);
const NEVER: TagPulls = { now: NOW, pulledAt: () => null };
const DAY = 86_400_000;

/** As Debian's repository has them. */
const DEBIAN = [
  ...['10', '11', '11.9', '12', '12.4', '12.5', '12.5-slim', '12-slim', '13', '13.0', '9.13', 'bookworm'],
  ...['bookworm-20240110', 'bookworm-backports', 'bullseye', 'latest', 'stable', 'stable-backports', 'stable-slim'],
];
const THREE_PART = ['1.0.0', '1.0.1', '1.0.2', '1.1.0', '1.1', '1.2.0', 'v1.2.1', '2.0.0-rc1', '2.0.0', '2.0.1-alpine'];

function select(tags: readonly string[], selection: Partial<TagSelection>, pulls = NEVER): string[] {
  return selectTags(tags, { ...NOTHING, ...selection }, makeTagTools(), pulls);
}

describe('selectTags', () => {
  test.each<[string, readonly string[], Partial<TagSelection>, string[]]>([
    ['nothing when nothing chooses', DEBIAN, {}, []],
    ['nothing when only something is excluded', DEBIAN, { exclude: ['1*'] }, []],
    ['everything by "*"', ['b', '1', 'a', '2'], { include: ['*'] }, ['2', '1', 'a', 'b']],
    ['a list of tags, those that are there', DEBIAN, { include: ['12', 'stable', 'gone'] }, ['12', 'stable']],
    [
      'versions of one and two parts within a range, missing parts being 0',
      DEBIAN,
      { semver: '>=12' },
      ['13', '13.0', '12.5', '12.4', '12'],
    ],
    ['versions up to a number', DEBIAN, { semver: '<11' }, ['10', '9.13']],
    [
      'what the issue asks for',
      DEBIAN,
      { semver: '>=11', latest: 3, include: ['stable*', 'bookworm*'], exclude: ['*-backports*'] },
      ['13', '13.0', '12.5', '12.4', 'bookworm', 'bookworm-20240110', 'stable', 'stable-slim'],
    ],
    ['no suffix by version', ['12.5-slim', '12-slim', '12.5'], { semver: '*' }, ['12.5']],
    [
      'a suffix by pattern',
      ['12.5-slim', '12-slim', '12.5'],
      { semver: '*', include: ['*-slim'] },
      [...['12.5', '12-slim', '12.5-slim']],
    ],
    ['no prerelease, even by a range that names one', THREE_PART, { semver: '>=2.0.0-0' }, ['2.0.0']],
    ['the newest of all versions', THREE_PART, { latest: 2 }, ['2.0.0', 'v1.2.1']],
    ['the newest of a range', THREE_PART, { semver: '^1.0', latest: 3 }, ['v1.2.1', '1.2.0', '1.1', '1.1.0']],
    [
      'the newest of each minor version',
      THREE_PART,
      { latest: 1, latestOf: 'minor' },
      ['2.0.0', 'v1.2.1', '1.1', '1.1.0', '1.0.2'],
    ],
    [
      'the newest two of each minor version of a range',
      THREE_PART,
      { semver: '~1.0 || ~1.2', latest: 2, latestOf: 'minor' },
      ['v1.2.1', '1.2.0', '1.0.2', '1.0.1'],
    ],
    ['spellings of one version as one', ['1', '1.0', 'v1.0.0', '0.9'], { latest: 1 }, ['1', '1.0', 'v1.0.0']],
    ['what is excluded makes room for the next', ['3', '2', '1'], { latest: 2, exclude: ['3'] }, ['2', '1']],
    ['what is included takes no room', ['3', '2', '1'], { latest: 2, include: ['3'] }, ['3', '2']],
    ['exclusion before inclusion', ['a', 'b'], { include: ['*'], exclude: ['a'] }, ['b']],
    ['no date as a version', ['20240329', '3.19', '202404'], { latest: 5 }, ['3.19']],
    [
      'numbers that begin with zeros',
      ['24.04', '24.10', '22.04', '9.10'],
      { semver: '>=22.04' },
      [...['24.10', '24.04', '22.04']],
    ],
    ['calendar versions of three parts', ['2024.01.15', '2023.12.1', '20240115'], { latest: 1 }, ['2024.01.15']],
    ['a regular expression over the whole tag', ['1.2', '11.2', '1.2-x'], { include: ['/1\\.\\d/'] }, ['1.2']],
    ['capital and small letters apart', ['RC', 'rc'], { include: ['rc'] }, ['rc']],
    ['each tag once', ['1', '1', 'a', 'a'], { include: ['*'] }, ['1', 'a']],
    ['nothing of nothing', [], { include: ['*'], latest: 1 }, []],
  ])('takes %s', (_, tags, selection, expected) => expect(select(tags, selection)).toEqual(expected));

  test('takes what was pulled within the time, to the second, and nothing that is excluded', () => {
    const at: Record<string, number> = { now: NOW, edge: NOW - 30 * DAY, old: NOW - 30 * DAY - 1, 'x-slim': NOW };
    const pulls: TagPulls = { now: NOW, pulledAt: (tag) => at[tag] ?? null };
    const selection = { pulledWithin: 30 * 86_400, exclude: ['*-slim'] };
    expect(select([...Object.keys(at), 'never'], selection, pulls)).toEqual(['edge', 'now']);
    expect(select(Object.keys(at), { include: ['old'] }, pulls)).toEqual(['old']);
  });
});

const number = fc.nat({ max: 30 });
const version = fc
  .tuple(fc.boolean(), fc.array(number, { minLength: 1, maxLength: 3 }))
  .map(([hasV, parts]) => `${hasV ? 'v' : ''}${parts.join('.')}`);
const suffix = fc.constantFrom('', '-slim', '-rc1', '-alpine3.19', '-backports');
const name = fc.constantFrom('latest', 'stable', 'stable-slim', 'bookworm', '20240329', '_x', 'V1');
const tag = fc.oneof(
  version,
  fc.tuple(version, suffix).map((parts) => parts.join('')),
  name,
);
const pattern = fc.constantFrom('*', 'stable*', '*-slim', '1*', 'v*', '{latest,12}', '/[0-9]+/', '?', 'bookworm');
const selection: fc.Arbitrary<TagSelection> = fc.record({
  include: fc.array(pattern, { maxLength: 2 }),
  exclude: fc.array(pattern, { maxLength: 1 }),
  semver: fc.constantFrom(null, '*', '>=11', '^1.2', '1.x || >=3', '<12.5'),
  latest: fc.option(fc.integer({ min: 1, max: 5 })),
  latestOf: fc.constantFrom('all', 'minor'),
  pulledWithin: fc.constantFrom(null, 3_600),
});
const scene = fc.record({ tags: fc.array(tag, { maxLength: 40 }), selection, pulled: fc.array(tag, { maxLength: 3 }) });

describe('selectTags, whatever is asked', () => {
  const tools = makeTagTools();
  const fits = (patterns: readonly string[], each: string): boolean => patterns.some((one) => tools.matches(one, each));
  const always = (check: (chosen: string[], given: Given) => void): void =>
    fc.assert(
      fc.property(scene, (given) => {
        const pulls = { now: NOW, pulledAt: (each: string) => (given.pulled.includes(each) ? NOW - 1000 : null) };
        check(selectTags(given.tags, given.selection, tools, pulls), given);
      }),
    );

  test('takes only what is there, each once', () =>
    always((chosen, { tags }) => {
      expect(new Set(chosen).size).toBe(chosen.length);
      expect(chosen.filter((each) => !tags.includes(each))).toEqual([]);
    }));

  test('never takes what is excluded', () =>
    always((chosen, given) => expect(chosen.filter((each) => fits(given.selection.exclude, each))).toEqual([])));

  test('always takes what is included and not excluded', () =>
    always((chosen, { tags, selection: { include, exclude } }) => {
      const due = tags.filter((each) => fits(include, each) && !fits(exclude, each));
      expect(due.filter((each) => !chosen.includes(each))).toEqual([]);
    }));

  test('takes no more versions than "latest", in all or of each minor one', () =>
    always((chosen, { selection: { include, latest, latestOf, pulledWithin }, pulled }) => {
      if (latest === null) return;
      const byVersion = chosen.filter(
        (each) => !fits(include, each) && !(pulledWithin !== null && pulled.includes(each)),
      );
      const distinct = byVersion.filter(
        (each, index) => byVersion.findIndex((other) => tools.compare(other, each) === 0) === index,
      );
      for (const each of distinct) {
        const beside = distinct.filter((other) => latestOf === 'all' || tools.minor(other) === tools.minor(each));
        expect(beside.length).toBeLessThanOrEqual(latest);
      }
    }));

  test('leaves no newer version within the range out while it takes an older one by version', () =>
    always((chosen, { tags, selection: { exclude, include, semver, latest, latestOf, pulledWithin } }) => {
      if (latest === null || latestOf === 'minor' || include.length > 0 || pulledWithin !== null) return;
      const able = tags.filter(
        (each) => tools.minor(each) !== null && !fits(exclude, each) && tools.satisfies(each, semver ?? '*'),
      );
      const left = able.filter((each) => !chosen.includes(each));
      for (const each of left) for (const taken of chosen) expect(tools.compare(taken, each)).toBeGreaterThan(0);
    }));

  test('answers the same whatever the order of the tags, versions first and newest first', () =>
    always((chosen, { tags, selection: asked, pulled }) => {
      const pulls = { now: NOW, pulledAt: (each: string) => (pulled.includes(each) ? NOW - 1000 : null) };
      expect(selectTags(tags.toReversed(), asked, tools, pulls)).toEqual(chosen);
      const versions = chosen.filter((each) => tools.minor(each) !== null);
      expect(chosen.slice(0, versions.length)).toEqual(versions);
      versions.slice(1).forEach((each, index) => {
        expect(tools.compare(versions[index] ?? '', each)).toBeGreaterThanOrEqual(0);
      });
    }));
});

interface Given {
  readonly tags: readonly string[];
  readonly selection: TagSelection;
  readonly pulled: readonly string[];
}
