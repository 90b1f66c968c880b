import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { PublishedTrees, type PublishedTreesOfMirror } from '../../../content/published-trees.js';
import { parseTreePath, type TreePath } from '../../../core/tree-path.js';
import { nearestFolder } from '../../../server/files/handler.js';
import { openEntry, realPath } from '../../../server/files/open-entry.js';
import { ask, askRaw, startSite, type Site } from './site.js';

async function siteWith(...paths: string[]): Promise<Site> {
  const site = await startSite();
  for (const path of paths) site.write('a', path, `content of ${path}`);
  site.slot('a');
  site.publish('a');
  return site;
}

function rawRequest(target: string): Buffer {
  return Buffer.from(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 'latin1');
}

/** What the handler said of a request target that is sent byte for byte. */
async function resultOf(site: Site, target: string): Promise<unknown> {
  const before = site.results.length;
  const answer = await askRaw(site, rawRequest(target));
  await vi.waitFor(() => expect(site.results.length).toBe(before + 1));
  const result = site.results[before];
  return result?.handled === false ? result : Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
}

function pathOf(text: string): TreePath {
  const parsed = parseTreePath(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.path;
}

describe('createFileHandler and what is not its own', () => {
  test.each(['/', '/status', '/debiann/a', '/Debian/a', '/%zz', '/status/%zz', '//status', '/..', '*'])(
    'leaves %s to the pages',
    async (target) => {
      expect(await resultOf(await siteWith('a'), target)).toEqual({ handled: false, status: 404 });
    },
  );

  test('leaves what does not exist to the pages, with the mirror and the path', async () => {
    const site = await siteWith('pool/a.deb');
    for (const target of ['/debian/pool/b.deb', '/debian/nothing/', '/debian/pool/a.deb/', '/debian/pool/a.deb/x'])
      expect(await resultOf(site, target)).toMatchObject({ handled: false, status: 404, mirror: 'debian' });
    expect(await resultOf(site, '/debian/a%20b/c')).toMatchObject({ path: { segments: ['a b', 'c'] } });
  });

  test('answers 503 with a reason before the first publish', async () => {
    const site = await siteWith('a');
    for (const target of ['/empty', '/empty/', '/empty/a'])
      expect(await resultOf(site, target)).toMatchObject({
        ...{ handled: false, status: 503, mirror: 'empty', retryAfter: 60 },
        reason: 'The mirror "empty" has not been published yet: its first complete copy is still to come.',
      });
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])('refuses %s', async (method) => {
    const answer = await ask(await siteWith('a'), '/debian/a', { method });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
  });
});

describe('createFileHandler and hostile paths', () => {
  test.each([
    '/debian/../../secret',
    '/debian/..',
    '/debian/./a',
    '/debian/%2e%2e/%2e%2e/secret',
    '/debian/%2E%2e/secret',
    '/debian/..%2f..%2fsecret',
    '/debian/%2e%2e%2fsecret',
    '/debian/a%00.txt',
    '/debian/%',
    '/debian/%4',
    '/debian/%c0%ae%c0%zz',
    '/debian/a#b/%2e%2e',
    'http://a/debian/../secret',
  ])('refuses %s with a reason', async (target) => {
    const site = await siteWith('a');
    writeFileSync(join(site.folder, 'secret'), 'secret');
    writeFileSync(join(site.folder, 'slots', 'secret'), 'secret');
    const result = await resultOf(site, target);
    expect(result).toMatchObject({ handled: false, status: 400, mirror: 'debian' });
    expect(result).toHaveProperty('reason', expect.stringMatching(/^The path .*\.$/s));
  });

  test.each([
    '/debian/%252e%252e/%252e%252e/secret',
    '/debian/..%252fsecret',
    '/debian/..\\..\\secret',
    '/debian/..%5c..%5csecret',
    '/debian/%c0%ae%c0%ae/secret',
    `/debian/${'a'.repeat(200)}/${'b'.repeat(200)}`,
  ])('takes %s as a name that does not exist', async (target) => {
    const site = await siteWith('a');
    writeFileSync(join(site.folder, 'slots', 'secret'), 'secret');
    expect(await resultOf(site, target)).toMatchObject({ handled: false, status: 404, mirror: 'debian' });
  });

  test('never follows a symlink out of the tree, and follows those inside', async () => {
    const site = await siteWith('pool/a.deb');
    const [slot, other] = [site.slot('a'), site.slot('b')];
    writeFileSync(join(site.folder, 'secret'), 'secret');
    site.write('b', 'pool/other', 'other');
    // a neighbour whose name begins like the slot's
    mkdirSync(join(site.folder, 'slots', 'a2'));
    writeFileSync(join(site.folder, 'slots', 'a2', 'near'), 'near');
    symlinkSync('/etc/passwd', join(slot, 'absolute'));
    symlinkSync('../../secret', join(slot, 'relative'));
    symlinkSync('../..', join(slot, 'folder'));
    symlinkSync(join(other, 'pool'), join(slot, 'slot'));
    symlinkSync('../a2', join(slot, 'neighbour'));
    symlinkSync('loop', join(slot, 'loop'));
    symlinkSync('nowhere', join(slot, 'broken'));
    for (const path of ['absolute', 'relative', 'folder', 'folder/', 'folder/secret', 'slot/other', 'slot/', 'loop'])
      expect(await resultOf(site, `/debian/${path}`)).toMatchObject({ handled: false, status: 404 });
    for (const path of ['neighbour/near', 'neighbour/', 'broken'])
      expect(await resultOf(site, `/debian/${path}`)).toMatchObject({ handled: false, status: 404 });

    symlinkSync('pool', join(slot, 'stable'));
    symlinkSync('../pool/a.deb', join(slot, 'pool', 'latest.deb'));
    symlinkSync(join(slot, 'pool'), join(slot, 'full'));
    for (const path of ['stable/a.deb', 'pool/latest.deb', 'stable/latest.deb', 'full/a.deb'])
      expect((await ask(site, `/debian/${path}`)).text).toBe('content of pool/a.deb');
    expect((await ask(site, '/debian/stable')).headers.location).toBe('/debian/stable/');
  });

  test('serves a tree below a data folder that is reached by a symlink', async () => {
    const site = await siteWith('a');
    symlinkSync(site.slot('a'), join(site.folder, 'link'));
    const published = site.trees.get('debian');
    if (!published) throw new Error('not published');
    site.trees.set('debian', { ...published, live: { ...published.live, root: join(site.folder, 'link') } });
    expect((await ask(site, '/debian/a')).text).toBe('content of a');
    expect((await ask(site, '/debian/')).text).toContain('href="a"');
  });

  test('never opens a FIFO, a socket or a device', async () => {
    const site = await siteWith('a');
    execFileSync('mkfifo', [join(site.slot('a'), 'fifo')]);
    symlinkSync('/dev/zero', join(site.slot('a'), 'device'));
    const socket = createSocketServer().listen(join(site.slot('a'), 'socket'));
    onTestFinished(() => void socket.close());
    await vi.waitFor(() => expect(socket.listening).toBe(true));
    for (const path of ['fifo', 'socket', 'device'])
      expect(await resultOf(site, `/debian/${path}`)).toMatchObject({ handled: false, status: 404 });
  });

  test('hides what rsync has not finished, and serves other dotfiles', async () => {
    const hidden = ['.~tmp~/a', '~tmp~/a', '.rsync-partial/a', '.a.deb.aB3xY9', 'pool/.~tmp~/a', '.x.Ab12Cd/a'];
    const shown = ['.htaccess', '.treeinfo', '.discinfo', 'pool/.hidden/a'];
    const site = await siteWith(...hidden, ...shown);
    for (const path of hidden) expect(await resultOf(site, `/debian/${path}`)).toMatchObject({ status: 404 });
    for (const path of shown) expect(await resultOf(site, `/debian/${path}`)).toBe(200);
  });

  test.each([
    ['\n', '%0A'],
    ['a"b\'c', 'a%22b%27c'],
    ['100%', '100%25'],
    ['%2e%2e', '%252e%252e'],
    ['a b+c', 'a%20b+c'],
    ['été', '%C3%A9t%C3%A9'],
    ['\\..\\x', '%5C..%5Cx'],
    ['a?b&c#d', 'a%3Fb%26c%23d'],
    ['~a:b', '~a:b'],
  ])('serves the file called %j', async (name, encoded) => {
    const site = await siteWith(name);
    expect((await ask(site, `/debian/${encoded}`)).text).toBe(`content of ${name}`);
  });

  test('serves a file whose name is not UTF-8', async () => {
    const site = await siteWith('a');
    const name = Buffer.concat([Buffer.from(`${site.slot('a')}/caf`), Buffer.from([0xe9, 0xff])]);
    writeFileSync(name, 'bytes');
    expect((await ask(site, '/debian/caf%E9%FF')).text).toBe('bytes');
  });
});

describe('createFileHandler and redirects', () => {
  test.each([
    ['/debian', '/debian/'],
    ['/debian/pool', '/debian/pool/'],
    ['/debian/pool?C=M&O=D', '/debian/pool/?C=M&O=D'],
    ['/%64ebian/po%6fl', '/debian/pool/'],
    ['//debian/pool/', '/debian/pool/'],
    ['/debian//pool///a.deb?x=1', '/debian/pool/a.deb?x=1'],
    ['//debian//evil.example/', '/debian/evil.example/'],
    ['/debian/a:b', '/debian/a:b/'],
    ['/debian/n%0Al', '/debian/n%0Al/'],
    ['http://other.example/debian/pool', '/debian/pool/'],
  ])('sends %s to %s', async (target, location) => {
    const site = await siteWith('pool/a.deb', 'a:b/c', 'n\nl/c');
    const answer = await askRaw(site, rawRequest(target));
    expect(answer).toMatch(/^HTTP\/1\.1 301 /);
    expect(/\r\nLocation: (.*)\r\n/.exec(answer)?.[1]).toBe(location);
  });

  test('reads a request in absolute form', async () => {
    const site = await siteWith('a');
    expect(await askRaw(site, rawRequest('http://elsewhere.example/debian/a'))).toMatch(/content of a$/);
  });
});

describe('createFileHandler and generations', () => {
  test('serves what only the previous generation still has, and nothing else of it', async () => {
    const site = await startSite();
    site.write('a', 'pool/old.deb', 'old');
    site.write('a', 'pool/both', 'both, old');
    site.write('a', 'gone/file', 'gone');
    site.write('a', 'turned/file', 'was a folder');
    site.write('b', 'pool/both', 'both, new');
    site.write('b', 'turned', 'is a file');
    site.publish('b', 'a');
    expect((await ask(site, '/debian/pool/old.deb')).text).toBe('old');
    expect((await ask(site, '/debian/pool/both')).text).toBe('both, new');
    expect((await ask(site, '/debian/gone/file')).text).toBe('gone');
    expect((await ask(site, '/debian/turned/file')).text).toBe('was a folder');
    expect((await ask(site, '/debian/turned')).text).toBe('is a file');
    expect((await ask(site, '/debian/gone/')).status).toBe(404);
    expect((await ask(site, '/debian/pool/')).text).not.toContain('old.deb');

    site.publish('b');
    expect((await ask(site, '/debian/pool/old.deb')).status).toBe(404);
  });

  test('answers from the new tree when one is published while a file is being opened', async () => {
    const trees = new ChangingTrees();
    const site = await startSite({ trees });
    site.write('a', 'file', 'old');
    site.write('b', 'file', 'new');
    site.publish('a');
    trees.onSecondLook = () => site.publish('b');
    expect((await ask(site, '/debian/file')).text).toBe('new');
  });

  test('answers 503 when the trees change at every try', async () => {
    const trees = new ChangingTrees();
    const site = await startSite({ trees });
    site.write('a', 'file', 'old');
    site.publish('a');
    trees.onSecondLook = () => site.publish('a');
    trees.always = true;
    expect(await resultOf(site, '/debian/file')).toMatchObject({ handled: false, status: 503, retryAfter: 1 });
  });

  test('lists the new tree when the one that is read is taken away', async () => {
    const trees = new ChangingTrees();
    const site = await startSite({ trees });
    site.write('a', 'old', '');
    site.write('b', 'new', '');
    site.publish('a');
    trees.lookToChange = 3;
    trees.onSecondLook = () => site.publish('b');
    const { text } = await ask(site, '/debian/');
    expect(text).toContain('href="new"');
    expect(text).not.toContain('href="old"');
  });
});

/** Publishes something else just before the second (or another) look at what is published. */
class ChangingTrees extends PublishedTrees {
  lookToChange = 2;
  always = false;
  onSecondLook: (() => void) | undefined;
  #looks = 0;

  override get(mirror: string): PublishedTreesOfMirror | undefined {
    if (this.onSecondLook && ++this.#looks === this.lookToChange) {
      this.onSecondLook();
      if (this.always) this.#looks = 0;
    }
    return super.get(mirror);
  }
}

describe('openEntry', () => {
  test('rejects when the fault is not the path', async () => {
    const site = await siteWith('a');
    const tree = site.trees.get('debian')?.live;
    if (!tree) throw new Error('not published');
    await expect(openEntry({ ...tree, root: `${tree.root}\0` }, ['a'])).rejects.toThrow();
  });
});

describe('realPath', () => {
  test('resolves the path again where there is no /proc, and must find the same file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-real-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const name of ['file', 'other']) writeFileSync(join(folder, name), name);
    symlinkSync('file', join(folder, 'link'));
    const [link, other] = [Buffer.from(join(folder, 'link')), Buffer.from(join(folder, 'other'))];
    const handle = await open(link);
    onTestFinished(() => handle.close());
    const stats = await stat(link);
    const inKernel = await realPath(handle, link, stats);
    expect(inKernel.endsWith('/file')).toBe(true);
    expect(await realPath(handle, link, stats, '/nonexistent')).toBe(inKernel);
    expect(await realPath(handle, other, stats, '/nonexistent')).toBe('');
    expect(await realPath(handle, Buffer.from(join(folder, 'gone')), stats, '/nonexistent')).toBe('');
  });
});

describe('nearestFolder', () => {
  test.each([
    ['pool/main/x', '/debian/pool/main/'],
    ['pool/nothing/x/y', '/debian/pool/'],
    ['pool/main/file/x', '/debian/pool/main/'],
    ['nothing/x', '/debian/'],
    ['x', '/debian/'],
    ['out/x', '/debian/'],
    ['.~tmp~/x', '/debian/'],
  ])('of %s is %s', async (path, folder) => {
    const site = await siteWith('pool/main/file', '.~tmp~/x');
    symlinkSync('/etc', join(site.slot('a'), 'out'));
    expect(await nearestFolder(site.trees, 'debian', pathOf(path))).toBe(folder);
  });
});
