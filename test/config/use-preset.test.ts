import { describe, expect, test } from 'vitest';
import { mirror, parse, problems } from './parsing.js';

const UPSTREAM = 'upstream: rsync://deb.example.org/debian/';

describe('a mirror with a preset', () => {
  test('needs nothing else where the preset names an open source and a rhythm', () => {
    const alpine = mirror('preset: alpine');
    expect(alpine.upstreams).toEqual(['rsync://rsync.alpinelinux.org/alpine/']);
    expect(alpine).toMatchObject({
      preset: 'alpine',
      title: 'Alpine Linux',
      schedule: { kind: 'every', seconds: 3600 },
      marker: { paths: ['last-updated'], parser: 'epoch' },
      selection: [],
      selected: {},
      confirmed: [],
    });
  });

  test('takes each key that it does not give from there', () => {
    const debian = mirror('preset: debian', UPSTREAM, 'title: Our Debian', 'marker: { path: TIME, parser: epoch }');
    expect(debian).toMatchObject({ title: 'Our Debian', marker: { paths: ['TIME'], parser: 'epoch' } });
    expect(debian.stages.map(({ name }) => name)).toEqual(['content', 'indexes']);
    expect(debian.upstreams).toEqual(['rsync://deb.example.org/debian/']);
  });

  test.each([
    ['every: 6h', { kind: 'every', seconds: 21_600 }],
    ['schedule: manual', { kind: 'manual' }],
    ['schedule: "7 3 * * *"', { kind: 'cron', expression: '7 3 * * *' }],
  ])('has its own rhythm instead of that of the preset: %s', (line, schedule) => {
    expect(mirror('preset: alpine', line).schedule).toMatchObject(schedule);
    expect(mirror('preset: gentoo-distfiles', 'upstream: rsync://h/gentoo/', line).schedule).toMatchObject(schedule);
  });

  test('adds to what the preset never mirrors and never deletes', () => {
    const arch = mirror('preset: archlinux', UPSTREAM, 'exclude: /other', 'protect: [/project/trace/me]');
    expect(arch.exclude).toEqual(['/other', '*.links.tar.gz*']);
    expect(arch.protect).toEqual(['/project/trace/me']);
  });

  test('takes a key without a value for one that is not given', () => {
    expect(mirror('preset: alpine', 'upstream:', 'title:').title).toBe('Alpine Linux');
  });

  test('selects parts as filters, in the order in which they hold', () => {
    const alpine = mirror('preset: alpine', 'select: { suites: [v3.22, edge], arch: x86_64 }');
    expect(alpine.selected).toEqual({ suites: ['v3.22', 'edge'], arch: ['x86_64'] });
    expect(alpine.selection.slice(0, 5)).toEqual([
      { show: true, pattern: '/v3.22/' },
      { show: true, pattern: '/edge/' },
      { show: false, pattern: '/v[0-9]*/' },
      { show: false, pattern: '/edge/' },
      { show: false, pattern: '/*/*/aarch64/' },
    ]);
    expect(alpine.selection).not.toContainEqual({ show: false, pattern: '/*/*/x86_64/' });
  });

  test.each<[string[], string]>([
    [['preset: debain'], 'mirrors.m.preset: "debain" is not the name of a preset; the nearest is "debian"'],
    [['preset: 5'], 'mirrors.m.preset: 5 is not text'],
    [['preset: debian'], 'mirrors.m.upstream: is missing: the preset names no single source that is open to all'],
    [
      ['preset: alpine', 'select: { arch: [sparc] }'],
      'mirrors.m.select.arch: "sparc" cannot be chosen: allowed are aarch64',
    ],
    [
      ['preset: alpine', 'select: { suite: [edge] }'],
      'the preset "alpine" has no selection of this name: it has suites, arch',
    ],
    [['preset: alpine', 'select: { constructor: [edge] }'], 'no selection of this name: it has suites, arch'],
    [['preset: archlinux', UPSTREAM, 'select: { arch: x86_64 }'], 'has no selection of this name: it has none'],
    [['preset: alpine', 'select: { suites: ["../x"] }'], '"../x" is not a choice'],
    [['preset: alpine', 'select: { suites: ["*"] }'], '"*" is not a choice'],
    [['preset: alpine', 'select: { suites: [] }'], 'mirrors.m.select.suites: the list is empty'],
    [['preset: alpine', 'confirmed: [all]'], 'mirrors.m.confirmed[0]: "all" is not allowed: it must be "closed"'],
    [['upstream: /x', 'every: 1h', 'select: { arch: x }'], 'mirrors.m.select: has a meaning only beside "preset"'],
  ])('refuses %j: %s', (lines, sentence) => expect(problems(() => mirror(...lines)).join('\n')).toContain(sentence));

  test('tells all mistakes of a mirror whose preset is unknown, and none that the preset would mend', () => {
    const found = problems(() => mirror('preset: x', 'stall: 0s'));
    expect(found).toHaveLength(2);
    expect(found.join('\n')).toContain('mirrors.m.stall: "0s" is not a duration');
  });

  test('is told with the line of what is wrong', () => {
    const text = 'mirrors:\n  a:\n    preset: alpine\n    select:\n      arch: [x86_64, vax]\n';
    expect(problems(() => parse(text))).toEqual([
      expect.stringMatching(/^mirrors\.a\.select\.arch: "vax" .*\(line 5\)$/),
    ]);
  });
});
