import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scrubberFor, type Scrub } from '../../server/scrub.js';
import { makeMirror, openScene, type Scene } from './scene.js';

describe('scrubberFor', () => {
  let scene: Scene;
  let scrub: Scrub;
  beforeAll(async () => {
    const mirror = makeMirror('debian', { upstreams: ['/archive/upstream/'], password: { file: '/keys/rsync' } });
    scene = await openScene({ mirrors: [mirror] });
    scrub = scrubberFor(scene.settings);
  });
  afterAll(() => scene.close());

  it.each([
    ['from rsync://user:s3cret@host/module/', 'from rsync://host/module/'],
    ['from user@host::module', 'from host::module'],
    ['--password=s3cret token: abc', '--password=*** token: ***'],
    ['mkstemp "/srv/mirrors/x" failed', 'mkstemp "(a local path)" failed'],
    ['open(/etc/shadow)', 'open((a local path))'],
    ['reading /archive/upstream/dists', 'reading (local upstream)/dists'],
    ['cannot read /keys/rsync', 'cannot read (password file)'],
    ['rsync://host/srv/debian/x', 'rsync://host/srv/debian/x'],
    ['pool/main/a/apt/apt_2.6.1_amd64.deb', 'pool/main/a/apt/apt_2.6.1_amd64.deb'],
  ])('makes %j fit for the public', (text, clean) => {
    expect(scrub(text)).toBe(clean);
  });

  it('names the data folder instead of showing where it is', () => {
    expect(scrub(`in ${scene.folder}/mirrors/debian`)).toBe('in (data)/mirrors/debian');
  });

  it('cuts what is too long to be looked through', () => {
    expect(scrub('a'.repeat(100_000))).toHaveLength(2048 + ' … (cut)'.length);
  });
});
