import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeMirror, openScene, publish, type Scene } from '../scene.js';

const LINUX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const ARM = 'Mozilla/5.0 (X11; Linux aarch64; rv:140.0) Gecko/20100101 Firefox/140.0';
const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36';

const cd = (version: string, arch: string, kind = 'netinst'): string =>
  `${version}/${arch}/iso-cd/debian-${version}-${arch}-${kind}.iso`;

describe('/get', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({
      mirrors: [
        makeMirror('debian-cd', { preset: 'debian-cd' }),
        makeMirror('videolan', { preset: 'videolan' }),
        makeMirror('closed', { preset: 'archlinux', read: ['campus'] }),
      ],
    });
    const images = [cd('13.1.0', 'amd64'), cd('13.1.0', 'arm64'), cd('9.13.0', 'amd64'), cd('13.10.0', 'amd64')];
    const files = [
      ...images,
      cd('13.10.0', 'arm64'),
      cd('13.10.0', 'amd64', 'DVD-1'),
      '13.10.0/amd64/iso-cd/SHA256SUMS',
      '13.10.0/amd64/iso-cd/x.iso',
    ];
    await publish(scene, 'debian-cd', Object.fromEntries(files.map((path) => [path, `bytes of ${path}`])));
    await publish(scene, 'videolan', {
      'vlc/last/win64/vlc-3.0.21-win64.exe': 'windows',
      'vlc/last/macosx/vlc-3.0.21-arm64.dmg': 'mac',
    });
    await publish(scene, 'closed', { 'iso/2026.08.01/archlinux-2026.08.01-x86_64.iso': 'x' });
    await scene.downloads.idle();
  });
  afterEach(() => scene.close());

  const get = (path: string, agent = LINUX) =>
    request(scene.http).get(path).set('Accept', 'text/html').set('User-Agent', agent);

  it('lists what the trees have, with the newest version and the file for the computer of the reader', async () => {
    const { text, headers } = await get('/get');
    expect(headers['vary']).toContain('User-Agent');
    expect(text).toMatch(
      /Operating systems[^]*Debian[^]*13\.10\.0[^]*debian-13\.10\.0-amd64-netinst\.iso[^]*Programs[^]*VLC/,
    );
    expect(text).not.toContain('Arch Linux'); // not everybody may read that mirror
    expect((await get('/get?q=vlc')).text).not.toContain('/get/debian"');
    expect((await get('/get?q=nothing')).text).toContain('Nothing matches');
  });

  it('shows the one file for this computer first, and takes another computer from the query', async () => {
    const href = async (path: string, agent?: string) =>
      /class="button" href="([^"]+)"/.exec((await get(path, agent)).text)?.[1];
    expect(await href('/get/debian')).toBe(`/debian-cd/${cd('13.10.0', 'amd64')}`);
    expect(await href('/get/debian', ARM)).toBe(`/debian-cd/${cd('13.10.0', 'arm64')}`);
    expect(await href('/get/debian?arch=ARM%2C+64+bits')).toBe(`/debian-cd/${cd('13.10.0', 'arm64')}`);
    expect(await href('/get/vlc', WINDOWS)).toBe('/videolan/vlc/last/win64/vlc-3.0.21-win64.exe');
    expect(await href('/get/vlc')).toBeUndefined();
    expect((await get('/get/vlc')).text).toContain('None of the files is known to be for your computer');
  });

  it('has a table of kinds and processors, all files with their forms, and older versions in order', async () => {
    const { text } = await get('/get/debian');
    expect(text).toMatch(/Which file for which computer[^]*<th[^>]*>ARM, 64 bits<\/th><th[^>]*>x86-64<\/th>/);
    expect(text).toContain(`href="/debian-cd/${cd('13.10.0', 'amd64')}.torrent"`);
    expect(text).toMatch(/Older versions[^]*13\.1\.0[^]*9\.13\.0/);
  });

  it('shows a hash that is known, and never computes one', async () => {
    expect((await get('/get/debian')).text).toContain('is computed when it is asked for');
    const path = cd('13.10.0', 'amd64');
    const form = await request(scene.http).get(`/debian-cd/${path}.sha256`);
    const sum = form.text.split(' ')[0] ?? '';
    expect(sum).toMatch(/^[0-9a-f]{64}$/);
    expect((await get('/get/debian')).text).toContain(sum);
  });

  it('leads to the sums of the project where there are some', async () => {
    expect((await get('/get/debian')).text).toContain('href="/debian-cd/13.10.0/amd64/iso-cd/SHA256SUMS"');
    expect((await get('/get/debian', ARM)).text).not.toContain('SHA256SUMS');
  });

  it('answers programs with versions from new to old', async () => {
    const answer = await request(scene.http).get('/get/debian.json').set('User-Agent', ARM);
    const { versions, best } = answer.body as {
      versions: { version: string; files: { name: string }[] }[];
      best: unknown;
    };
    expect(versions.map(({ version }) => version)).toEqual(['13.10.0', '13.1.0', '9.13.0']);
    const path = cd('13.10.0', 'arm64');
    const { size, mtimeMs } = await stat(join(scene.layout.slot('debian-cd', 'a'), path));
    expect(best).toMatchObject({ path: `/debian-cd/${path}`, bytes: size, changedAt: mtimeMs, arch: 'arm64' });
    const list = (await request(scene.http).get('/get.json')).body as { products: { id: string }[] };
    expect(list.products.map(({ id }) => id)).toEqual(['debian', 'vlc']);
  });

  it('says of a product that is not here that it is not', async () => {
    expect((await get('/get/nothing')).status).toBe(404);
    expect((await get('/get/nothing.json')).status).toBe(404);
  });

  it('follows what is published, and what is taken away', async () => {
    await publish(scene, 'debian-cd', { [cd('14.0.0', 'amd64')]: 'new' }, { state: 'previous' });
    await scene.downloads.idle();
    expect((await get('/get/debian')).text).toContain('debian-14.0.0-amd64-netinst.iso');
    expect(scene.downloads.installers()).toBe(scene.downloads.installers()); // what is made of it is made once
    scene.trees.set('debian-cd', null);
    await scene.downloads.idle();
    expect((await get('/get/debian')).status).toBe(404);
  });
});
