import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { HOUR, makeMirror, NOW, openScene, publish, type Scene } from '../scene.js';

const UBUNTU = 'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const TREE = {
  'dists/trixie/Release': '',
  'dists/trixie/main/x': '',
  'dists/trixie/non-free-firmware/x': '',
  'dists/trixie-updates/Release': '',
  'dists/bullseye/Release': '',
  'dists/bullseye/main/x': '',
};

describe('/help', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({
      mirrors: [
        makeMirror('debian', { title: 'Debian', preset: 'debian' }),
        makeMirror('ubuntu', { title: 'Ubuntu', preset: 'ubuntu' }),
        makeMirror('other', { title: 'Without instructions' }),
        makeMirror('r', { title: 'CRAN', preset: 'cran' }),
      ],
    });
    await publish(scene, 'debian', TREE);
  });
  afterEach(() => scene.close());

  const get = (path: string, accept = 'text/html') => request(scene.http).get(path).set('Accept', accept);

  it('lists mirrors with instructions, those for the system of the reader first, whatever was chosen before that', async () => {
    const { text, headers } = await get('/help').set('User-Agent', UBUNTU);
    expect(headers['vary']).toContain('User-Agent');
    expect(text).toMatch(/For Ubuntu[^]*href="\/help\/ubuntu"[^]*For other systems[^]*href="\/help\/debian"/);
    expect(text).not.toContain('/help/other');
    const chosen = await get('/help?system=debian&q=the').set('User-Agent', UBUNTU);
    expect(chosen.text).toContain('Nothing matches');
    const json = (await get('/help.json?system=debian').set('User-Agent', UBUNTU)).body as {
      mirrors: { name: string }[];
    };
    expect(json.mirrors.map(({ name }) => name)).toEqual(['debian', 'ubuntu', 'r']);
  });

  it('is linked from home, from the page of the mirror and from listings, only where there are instructions', async () => {
    await publish(scene, 'other', { file: 'x' });
    expect((await get('/')).text).toMatch(/<a href="\/help\/debian">Set up/);
    expect((await get('/')).text).not.toContain('/help/other');
    expect((await get('/status/debian')).text).toContain('href="/help/debian"');
    expect((await get('/debian/')).text).toContain('href="/help/debian"');
    expect((await get('/other/')).text).not.toContain('/help/other');
  });

  it('fills in the address, and offers only what the tree has', async () => {
    const { text } = await get('/help/debian');
    expect(text).toContain('URIs: https://mirror.example.edu/debian\n');
    expect(text).toContain('Suites: trixie trixie-updates\n'); // there are no backports in the tree
    expect(text).toContain('Suites: trixie-security\n'); // of another server, which has them
    expect(text).toMatch(/<option value="trixie" selected>/);
    expect(text).toContain('value="bullseye"');
    expect(text).not.toContain('value="bookworm"');
    expect(text).not.toContain('value="main contrib non-free non-free-firmware"');
    expect(text).not.toContain('value="sid"');
  });

  it('takes what is chosen, and says what cannot be had together', async () => {
    const { text } = await get('/help/debian?form=deb822&release=bullseye&components=main+non-free-firmware&types=on');
    expect(text).toContain('Types: deb deb-src\n');
    expect(text).toContain('Suites: bullseye\nComponents: main\n');
    expect(text).toContain('“main non-free-firmware” is not here; “main” is shown instead.');
  });

  it('offers no more than the selection of the mirror', async () => {
    const mirror = makeMirror('debian', { preset: 'debian', selected: { suites: ['bullseye'] } });
    scene.settings = { ...scene.settings, mirrors: new Map([['debian', mirror]]) };
    const { text } = await get('/help/debian');
    expect(text).toContain('Suites: bullseye\n');
    expect(text).not.toContain('value="trixie"');
  });

  it('refuses what can never have been offered, in one sentence', async () => {
    for (const [path, sentence] of [
      ['/help/debian?release=woody', 'release="woody" cannot be chosen here: there are trixie, bullseye.'],
      ['/help/debian?release=constructor', 'release="constructor" cannot be chosen here: there are trixie, bullseye.'],
      ['/help/debian?form=x', 'form="x" is not a form here: there are deb822, one-line.'],
    ] as const) {
      const { status, text } = await get(path, '*/*').unset('Accept');
      expect(status, path).toBe(400);
      expect(text).toContain(sentence);
    }
    for (const path of ['/help/other', '/help/nothing', '/help/nothing.txt']) {
      const { status } = await get(path);
      expect(status, path).toBe(404);
    }
  });

  it('answers curl with a file that apt takes as it is', async () => {
    const { text, headers } = await get('/help/debian.txt?form=one-line&release=bullseye');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).toEqual([
      'deb https://mirror.example.edu/debian/ bullseye main',
      'deb https://security.debian.org/debian-security bullseye-security main',
    ]);
    expect(text).toContain('# Write this to /etc/apt/sources.list\n');
    expect(text).toContain('# Then: apt-get update\n');
  });

  it('answers programs with the same facts, whoever they are', async () => {
    const answer = await get('/help/debian.json?release=trixie').set('User-Agent', 'curl/8.5.0');
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.body).toMatchObject({
      mirror: 'debian',
      address: 'https://mirror.example.edu/debian',
      form: 'deb822',
      file: '/etc/apt/sources.list.d/debian.sources',
      mode: 'write',
      then: 'apt-get update',
      tested: null,
      isPublished: true,
    });
  });

  it('takes the address by which the client knows it where the operator has told none, for this client alone', async () => {
    scene.settings = { ...scene.settings, site: { ...scene.settings.site, url: null } };
    const { text, headers } = await get('/help/debian.txt').set('Host', 'pond.example.net:8080');
    expect(text).toContain('URIs: http://pond.example.net:8080/debian\n');
    expect(headers['cache-control']).toBe('no-store');
  });

  it('says when the instructions were last tried out, and what came of it', async () => {
    const check = { mirror: 'debian', form: 'deb822', choices: 'trixie, main', checkedAt: NOW - 3 * HOUR };
    scene.store.helpChecks.set({ ...check, result: 'worked', sentence: 'apt-get took hello from here.' });
    const { text } = await get('/help/debian');
    expect(text).toMatch(/worked[^]*apt-get took hello from here\.[^]*3 h ago/);
    scene.store.helpChecks.set({ ...check, result: 'failed', sentence: 'apt-get update failed: <no route>' });
    expect((await get('/help/debian')).text).toContain('apt-get update failed: &lt;no route&gt;');
    expect((await get('/help/debian?form=one-line')).text).not.toContain('id="tested"');
  });

  it('tells of what was tried out neither where this server was asked, nor names that not everybody may know', async () => {
    const sentence = 'apt-get download failed (exit 100): E: Failed to fetch http://10.1.2.3:8080/debian/pool/x.deb';
    const check = { form: 'deb822', choices: '', checkedAt: NOW, result: 'failed', sentence } as const;
    const mirrors = [
      makeMirror('debian', { preset: 'debian' }),
      makeMirror('inner', { preset: 'debian', read: ['a'] }),
    ];
    scene.settings = { ...scene.settings, mirrors: new Map(mirrors.map((mirror) => [mirror.name, mirror])) };
    for (const { name } of mirrors) scene.store.helpChecks.set({ ...check, mirror: name });
    const list = (await get('/help.json')).text;
    for (const text of [list, (await get('/help/debian')).text, (await get('/help/debian.json')).text]) {
      expect(text).toContain('Failed to fetch http://(internal address):8080/debian/pool/x.deb');
      expect(text).not.toContain('10.1.2.3');
    }
    expect((await get('/help/inner')).text).not.toContain('x.deb');
    expect(list.match(/x\.deb/g)).toHaveLength(1);
    scene.store.helpChecks.set({ ...check, mirror: 'inner', result: 'untested', sentence: 'Not every network may.' });
    expect((await get('/help/inner')).text).toContain('Not every network may.');
  });

  it('says of a mirror without a tree that it is not complete, and shows all that the preset knows', async () => {
    const { text } = await get('/help/ubuntu');
    expect(text).toContain('This mirror has no complete tree yet');
    expect(text).toContain('URIs: https://mirror.example.edu/ubuntu\n');
  });

  it('offers no more branches than are selected, whatever a preset calls them', async () => {
    const mirrors = [makeMirror('alpine', { preset: 'alpine', selected: { suites: ['v3.22'] } })];
    const branches = await openScene({ mirrors });
    onTestFinished(() => branches.close());
    const { text } = await request(branches.http).get('/help/alpine').set('Accept', 'text/html');
    expect(text).toContain('https://mirror.example.edu/alpine/v3.22/main');
    expect(text).not.toMatch(/value="(?:latest-stable|edge|v3\.21)"/);
  });

  it('tells an address over rsync with the port of the daemon, and nothing where there is none', async () => {
    const mirrors = [makeMirror('portage', { preset: 'gentoo-portage' })];
    const site = { url: 'https://mirror.example.edu:8443' };
    const rsync = () => ({ port: 1873, trouble: null, connections: 0, restarts: 0 });
    const served = await openScene({ mirrors, site, rsync });
    const without = await openScene({ mirrors, site });
    onTestFinished(async () => void (await Promise.all([served.close(), without.close()])));
    const { text } = await request(served.http).get('/help/portage.txt');
    expect(text).toContain('sync-uri = rsync://mirror.example.edu:1873/portage\n');
    const refused = await request(without.http).get('/help/portage');
    expect(refused.status).toBe(404);
    expect(refused.text).toContain('The instructions for "portage" are for rsync, which is not offered here.');
    expect((await request(without.http).get('/help.json')).body).toMatchObject({ mirrors: [] });
  });

  it('finds folders of flat repositories too', async () => {
    const none = await openScene({ mirrors: [makeMirror('r', { preset: 'cran' })] });
    onTestFinished(() => none.close());
    await publish(none, 'r', { 'bin/linux/ubuntu/noble-cran40/Release': '' });
    const { text } = await request(none.http).get('/help/r?form=apt').set('Accept', 'text/html');
    expect(text).toContain('deb https://mirror.example.edu/r/bin/linux/ubuntu noble-cran40/\n');
    expect(text).not.toContain('value="debian"');
  });
});
