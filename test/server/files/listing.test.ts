import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { readListingQuery, type Listing, type ListingRenderer } from '../../../server/files/listing.js';
import { ask, FILE_TIME, PUBLISHED_AT, startSite, type Answer, type Site } from './site.js';

interface Captured {
  readonly renderer: ListingRenderer;
  readonly listings: Listing[];
  readonly rows: number[];
}

/** A renderer that keeps what it was given. */
function capturing(): Captured {
  const listings: Listing[] = [];
  const rows: number[] = [];
  const renderer: ListingRenderer = {
    headers: { 'Content-Security-Policy': "default-src 'self'" },
    head: (listing) => {
      listings.push(listing);
      return '<';
    },
    rows: (entries) => {
      rows.push(entries.length);
      return entries.map((entry) => `${entry.href}\n`).join('');
    },
    foot: () => '>',
  };
  return { renderer, listings, rows };
}

/** Folders "z" and "y", files "b" (1 byte, newest), "a" (3 bytes), "C" (2 bytes, oldest). */
async function siteWithFolder(captured?: Captured, options: { inPlace?: boolean } = {}): Promise<Site> {
  const site = await startSite({ ...options, ...(captured ? { renderer: captured.renderer } : {}) });
  for (const [name, content, age] of [
    ['a', '333', 0],
    ['b', '1', -60],
    ['C', '22', 60],
  ] as const) {
    const file = site.write('a', `folder/${name}`, content);
    utimesSync(file, FILE_TIME / 1000 - age, FILE_TIME / 1000 - age);
  }
  for (const [name, age] of [
    ['z', 0],
    ['y', 60],
  ] as const) {
    mkdirSync(join(site.slot('a'), 'folder', name));
    utimesSync(join(site.slot('a'), 'folder', name), FILE_TIME / 1000 - age, FILE_TIME / 1000 - age);
  }
  site.publish('a');
  return site;
}

function namesOf(answer: Answer): string[] {
  return (JSON.parse(answer.text) as { name: string }[]).map((entry) => entry.name);
}

describe('readListingQuery', () => {
  test.each([
    ['', 'N', 'A', ''],
    ['?C=M&O=D', 'M', 'D', ''],
    ['?C=S;O=D', 'S', 'D', ''],
    ['?C=X&O=Y', 'N', 'A', ''],
    ['?q=a%20b;c', 'N', 'A', 'a b;c'],
    [`?q=${'a'.repeat(300)}`, 'N', 'A', 'a'.repeat(255)],
  ])('reads %s', (query, column, order, filter) => {
    expect(readListingQuery(query)).toEqual({ sort: { column, order }, filter });
  });
});

describe('a listing as data', () => {
  test('says where it is, what it holds and of which generation', async () => {
    const captured = capturing();
    const site = await siteWithFolder(captured);
    site.write('a', 'folder/z/sp ace/file', '');
    await ask(site, '/debian/folder/?C=S&O=D&q=A');
    expect(captured.listings[0]).toEqual({
      mirror: 'debian',
      path: [
        { displayName: 'debian', href: '/debian/' },
        { displayName: 'folder', href: '/debian/folder/' },
      ],
      parent: '../',
      entries: [{ name: 'a', displayName: 'a', href: 'a', kind: 'file', size: 3, mtime: FILE_TIME }],
      totals: { folders: 0, files: 1, bytes: 3, of: 5 },
      sort: { column: 'S', order: 'D' },
      query: 'A',
      generation: site.trees.get('debian')?.live.generation,
    });
    await ask(site, '/debian/folder/z/sp%20ace/');
    expect(captured.listings[1]?.path.at(-1)).toEqual({
      displayName: 'sp ace',
      href: '/debian/folder/z/sp%20ace/',
    });
    await ask(site, '/debian/');
    expect(captured.listings[2]?.parent).toBeNull();
    expect(captured.listings[2]?.totals).toEqual({ folders: 1, files: 0, bytes: 0, of: 1 });
  });

  test.each([
    ['', ['y', 'z', 'C', 'a', 'b']],
    ['&O=D', ['z', 'y', 'b', 'a', 'C']],
    ['&C=M', ['y', 'z', 'C', 'a', 'b']],
    ['&C=M&O=D', ['z', 'y', 'b', 'a', 'C']],
    ['&C=S', ['y', 'z', 'b', 'C', 'a']],
    ['&C=S;O=D', ['z', 'y', 'a', 'C', 'b']],
    ['&q=c', ['C']],
    ['&q=nothing', []],
  ])('is sorted and filtered by %j, folders first', async (query, names) => {
    const site = await siteWithFolder();
    expect(namesOf(await ask(site, `/debian/folder/?format=json${query}`))).toEqual(names);
  });

  test('links to every name so that it is found again', async () => {
    const captured = capturing();
    const site = await startSite({ renderer: captured.renderer });
    const names = [
      'a:b',
      'http:x',
      'a b',
      'a"<b>&\'c',
      '100%',
      'n\nl',
      'été',
      '?q',
      '#f',
      '..\\x',
      '~x+y',
      '.treeinfo',
    ];
    for (const name of names) site.write('a', name, `content of ${name}`);
    writeFileSync(Buffer.concat([Buffer.from(`${site.slot('a')}/`), Buffer.from([0xff])]), 'content of bytes');
    site.publish('a');
    await ask(site, '/debian/');
    const entries = captured.listings[0]?.entries ?? [];
    expect(entries).toHaveLength(names.length + 1);
    for (const entry of entries) {
      const name = entry.name === '\xff' ? 'bytes' : Buffer.from(entry.name, 'latin1').toString();
      const url = new URL(entry.href, `${site.url}/debian/`);
      expect(url.search + url.hash).toBe('');
      expect((await ask(site, url.pathname)).text).toBe(`content of ${name}`);
    }
    expect(entries.find((entry) => entry.name === 'a:b')?.href).toBe('./a:b');
    expect(entries.find((entry) => entry.name === '\xff')?.displayName).toBe('\\xff');
  });

  test('shows symlinks as what they point to, and leaves out what cannot be fetched', async () => {
    const captured = capturing();
    const site = await startSite({ renderer: captured.renderer });
    const slot = site.slot('a');
    site.write('a', 'pool/a.deb', '12345');
    symlinkSync('pool', join(slot, 'inside'));
    symlinkSync('pool/a.deb', join(slot, 'latest'));
    symlinkSync('/etc/passwd', join(slot, 'outside'));
    symlinkSync('..', join(slot, 'above'));
    symlinkSync('nowhere', join(slot, 'broken'));
    execFileSync('mkfifo', [join(slot, 'fifo')]);
    site.write('a', '.a.deb.aB3xY9', 'transient');
    site.write('a', '.~tmp~/x', 'transient');
    site.publish('a');
    await ask(site, '/debian/');
    const shown = captured.listings[0]?.entries.map(({ href, kind, size, target }) => [href, kind, size, target]);
    expect(shown).toEqual([
      ['inside/', 'folder', null, 'pool'],
      ['pool/', 'folder', null, undefined],
      ['latest', 'file', 5, 'pool/a.deb'],
    ]);
  });

  test('is a listing also where the tree has an index.html', async () => {
    const site = await startSite();
    site.write('a', 'index.html', 'upstream');
    site.publish('a');
    expect((await ask(site, '/debian/')).text).toContain('href="index.html"');
  });
});

describe('the formats of a listing', () => {
  test('JSON is that of nginx', async () => {
    const answer = await ask(await siteWithFolder(), '/debian/folder/?format=json');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    const entries = JSON.parse(answer.text) as unknown[];
    expect(entries[1]).toEqual({ name: 'z', type: 'directory', mtime: 'Mon, 23 Nov 2026 06:00:00 GMT' });
    expect(entries[3]).toEqual({ name: 'a', type: 'file', mtime: 'Mon, 23 Nov 2026 06:00:00 GMT', size: 3 });
  });

  test('JSON of an empty folder is an empty array', async () => {
    const site = await startSite();
    site.slot('a');
    site.publish('a');
    expect(JSON.parse((await ask(site, '/debian/?format=json')).text)).toEqual([]);
  });

  test('JSON has names that are UTF-8 as they are, and others as displayed', async () => {
    const site = await startSite();
    for (const name of ['n\nl"', 'été']) site.write('a', name, '');
    writeFileSync(Buffer.concat([Buffer.from(`${site.slot('a')}/`), Buffer.from([0x7a, 0xff])]), '');
    site.publish('a');
    expect(namesOf(await ask(site, '/debian/?format=json'))).toEqual(['n\nl"', 'z\\xff', 'été']);
  });

  test('text is one line an entry: name, bytes, epoch', async () => {
    const site = await siteWithFolder();
    site.write('a', 'folder/n\nl\t', '4444');
    const answer = await ask(site, '/debian/folder/?format=text');
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    const epoch = FILE_TIME / 1000;
    expect(answer.text.split('\n').sort()).toEqual(
      [
        '',
        `C\t2\t${epoch - 60}`,
        `a\t3\t${epoch}`,
        `b\t1\t${epoch + 60}`,
        `n\\x0al\\x09\t4\t${epoch}`,
        `y/\t-\t${epoch - 60}`,
        `z/\t-\t${epoch}`,
      ].sort(),
    );
  });

  test.each([
    [undefined, '', 'text/html'],
    ['*/*', '', 'text/html'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', '', 'text/html'],
    ['application/json', '', 'application/json'],
    ['application/json, text/html', '', 'text/html'],
    ['application/json, text/html;q=0.5', '', 'application/json'],
    ['text/plain', '', 'text/plain'],
    ['text/plain, */*', '', 'text/plain'],
    ['text/plain, text/html', '', 'text/html'],
    ['application/json;q=0, text/plain', '', 'text/plain'],
    ['application/json', '?format=text', 'text/plain'],
    ['application/json', '?format=html', 'text/html'],
    ['application/json', '?format=toml', 'application/json'],
  ])('Accept %j and query %j give %s', async (accept, query, type) => {
    const headers = accept === undefined ? {} : { Accept: accept };
    const answer = await ask(await siteWithFolder(), `/debian/folder/${query}`, { headers });
    expect(answer.headers['content-type']?.split(';')[0]).toBe(type);
    expect(answer.headers.vary).toBe('Accept');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  test('HTML carries the policy of its renderer, or a strict one; data never is a page', async () => {
    const [own, plain] = [await siteWithFolder(capturing()), await siteWithFolder()];
    const policy = async (site: Site, path: string): Promise<unknown> =>
      (await ask(site, path)).headers['content-security-policy'];
    expect(await policy(own, '/debian/folder/')).toBe("default-src 'self'");
    expect(await policy(plain, '/debian/folder/')).toMatch(/^default-src 'none'; /);
    expect(await policy(own, '/debian/folder/?format=json')).toBe("default-src 'none'; sandbox");
  });
});

describe('a listing and caches', () => {
  test('is revalidated by its weak entity tag alone: after a rollback its times go back', async () => {
    const site = await siteWithFolder();
    const first = await ask(site, '/debian/folder/');
    const { etag = '' } = first.headers;
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    expect(first.headers['last-modified']).toBeUndefined();
    expect(first.headers['cache-control']).toBe('public, max-age=60, must-revalidate');
    const again = await ask(site, '/debian/folder/', { headers: { 'If-None-Match': etag } });
    expect([again.status, again.text, again.headers.etag, again.headers.vary]).toEqual([304, '', etag, 'Accept']);
    const since = { 'If-Modified-Since': new Date(PUBLISHED_AT + 3_600_000).toUTCString() };
    expect((await ask(site, '/debian/folder/', { headers: since })).status).toBe(200);
    expect((await ask(site, '/debian/folder/', { headers: { 'If-Match': etag } })).status).toBe(412);
  });

  test('has another entity tag in another format, folder state or generation', async () => {
    const site = await siteWithFolder(undefined, { inPlace: true });
    const etagOf = async (path: string): Promise<string> => (await ask(site, path)).headers.etag ?? '';
    const tags = [await etagOf('/debian/folder/'), await etagOf('/debian/folder/?format=json')];
    utimesSync(join(site.slot('a'), 'folder'), 1, 1);
    tags.push(await etagOf('/debian/folder/'));
    site.publish('a');
    tags.push(await etagOf('/debian/folder/'));
    expect(new Set(tags).size).toBe(4);
  });
});

describe('a folder of very many entries', () => {
  test('streams whole, in order and in pieces, in each format', async () => {
    const captured = capturing();
    const site = await startSite({ renderer: captured.renderer });
    const names = Array.from({ length: 12_000 }, (_, index) => `file-${String(index).padStart(6, '0')}`);
    mkdirSync(join(site.slot('a'), 'many'));
    for (const name of names) writeFileSync(join(site.slot('a'), 'many', name), '');
    site.publish('a');
    expect(namesOf(await ask(site, '/debian/many/?format=json'))).toEqual(names);
    const text = (await ask(site, '/debian/many/?format=text')).text.trimEnd().split('\n');
    expect(text.map((line) => line.split('\t')[0])).toEqual(names);
    expect((await ask(site, '/debian/many/')).text).toBe(`<${names.join('\n')}\n>`);
    expect(captured.rows.reduce((sum, count) => sum + count, 0)).toBe(names.length);
    expect(Math.max(...captured.rows)).toBeLessThanOrEqual(2000);
  });

  test('stops when the client goes away', async () => {
    const captured = capturing();
    const long = { ...captured.renderer, rows: (entries: readonly unknown[]) => 'x'.repeat(10_000 * entries.length) };
    const site = await startSite({ renderer: long });
    for (let index = 0; index < 3000; index++) site.write('a', `f${index}`, '');
    site.publish('a');
    const socket = connect(site.port, '127.0.0.1', () => socket.write('GET /debian/ HTTP/1.1\r\nHost: a\r\n\r\n'));
    socket.once('data', () => socket.destroy());
    await vi.waitFor(() => expect(site.events).toHaveLength(1));
    expect(site.events[0]).toMatchObject({ status: 200, complete: false });
  });
});
