import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ask, openBelow, plainRenderer, startSite } from './site.js';

const LARGE = 200_000;

describe('what is known of a tree', () => {
  test('is answered without a look at the disk, as long as its generation stands', async () => {
    const site = await startSite();
    site.write('a', 'small', 'first');
    site.write('a', 'large', Buffer.alloc(LARGE, 1));
    site.publish('a');
    await ask(site, '/debian/small');
    await ask(site, '/debian/large');
    await ask(site, '/debian/later');
    const listed = await ask(site, '/debian/');
    rmSync(join(site.slot('a'), 'small'));
    rmSync(join(site.slot('a'), 'large'));
    site.write('a', 'later', 'too late');
    expect((await ask(site, '/debian/small')).text).toBe('first');
    expect((await ask(site, '/debian/large')).body).toEqual(Buffer.alloc(LARGE, 1));
    expect((await ask(site, '/debian/later')).status).toBe(404);
    expect((await ask(site, '/debian/')).text).toBe(listed.text);
    site.publish('a');
    for (const path of ['small', 'large']) expect((await ask(site, `/debian/${path}`)).status).toBe(404);
    expect((await ask(site, '/debian/later')).text).toBe('too late');
    expect((await ask(site, '/debian/')).text).not.toContain('small');
  });

  test('is not used where files are replaced one by one', async () => {
    const site = await startSite({ inPlace: true });
    site.write('a', 'file', 'before');
    site.publish('a');
    expect((await ask(site, '/debian/file')).text).toBe('before');
    expect((await ask(site, '/debian/other')).status).toBe(404);
    expect((await ask(site, '/debian/')).text).not.toContain('other');
    writeFileSync(join(site.slot('a'), 'file'), 'after');
    site.write('a', 'other', '');
    expect((await ask(site, '/debian/file')).text).toBe('after');
    expect((await ask(site, '/debian/other')).status).toBe(200);
    expect((await ask(site, '/debian/')).text).toContain('other');
  });

  test('keeps no more files open than it may, and none of a former generation', async () => {
    const site = await startSite({ cacheLimits: { openFiles: 3 } });
    const names = Array.from({ length: 10 }, (_, index) => `large-${index}`);
    for (const name of names) site.write('a', name, Buffer.alloc(LARGE));
    site.publish('a');
    await Promise.all(names.map((name) => ask(site, `/debian/${name}`)));
    await vi.waitFor(() => expect(openBelow(site.folder)).toHaveLength(3));
    for (const name of names) expect((await ask(site, `/debian/${name}`)).body).toHaveLength(LARGE);
    site.publish('a');
    await vi.waitFor(() => expect(openBelow(site.folder)).toEqual([]));
  });

  test('sends whole what is forgotten while it is on its way', async () => {
    const site = await startSite({ cacheLimits: { openFiles: 1 } });
    const [first, second] = [Buffer.alloc(20_000_000, 1), Buffer.alloc(20_000_000, 2)];
    site.write('a', 'first', first);
    site.write('a', 'second', second);
    site.publish('a');
    const [one, two] = await Promise.all([ask(site, '/debian/first'), ask(site, '/debian/second')]);
    expect(one.body.equals(first)).toBe(true);
    expect(two.body.equals(second)).toBe(true);
  });

  test('makes a listing once for those who ask at the same time', async () => {
    let made = 0;
    const head: typeof plainRenderer.head = (listing) => {
      made++;
      return plainRenderer.head(listing);
    };
    const site = await startSite({ renderer: { ...plainRenderer, head } });
    site.write('a', 'file', 'content');
    site.publish('a');
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(site, '/debian/')));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(made).toBe(1);
  });
});
