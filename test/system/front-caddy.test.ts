import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseFrontLine } from '../../server/front/front-line.js';
import { runMillpond } from '../fixtures/command-line.js';
import { freePort } from '../fixtures/free-port.js';
import { createPond, PATIENT } from '../fixtures/pond.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

const FILES = {
  ...{
    'pool/a/x_1%2~b+c.deb': 'deb',
    'dists/InRelease': 'release',
    'dists/Release.gpg': 'signature',
    'doc/a.PDF': 'pdf',
  },
  ...{
    'doc/ä b.txt': 'text',
    'doc/noext': 'binary',
    'doc/SHA256SUMS': 'sums',
    'doc/x.tar.gz': 'packed',
    'doc/[a]*.iso': 'x',
  },
};
const TIME = new Date('2026-11-01T12:00:00Z');
const COMPARED = [
  ...['content-type', 'content-length', 'content-range', 'accept-ranges', 'last-modified', 'cache-control', 'location'],
  ...['content-security-policy', 'x-content-type-options', 'content-encoding'],
];

/** A real Caddy with `site`, all of whose files are in a folder of its own; it ends with the test. */
async function startCaddy(site: string, url: string): Promise<void> {
  const folder = await tempFolder();
  const config = join(folder, 'Caddyfile');
  writeFileSync(config, `{\n    admin off\n    auto_https off\n}\n${site}`);
  const child = spawn('caddy', ['run', '--adapter', 'caddyfile', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  });
  const answers = (): Promise<unknown> =>
    fetch(`${url}/healthz`).then(
      () => true,
      () => (child.exitCode === null ? false : said),
    );
  await expect.poll(answers, PATIENT).toBe(true);
}

test('files come from the disk with the header fields that Millpond gives, all else from Millpond, and both are counted', async () => {
  const pond = await createPond();
  writeTree(pond.up, FILES);
  for (const path of Object.keys(FILES)) utimesSync(join(pond.up, path), TIME, TIME);
  const [inner, port] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const program = await pond.start({
    listen: { http: `127.0.0.1:${inner}` },
    proxies: { trusted: ['127.0.0.0/8'] },
    zones: { campus: { networks: ['192.0.2.0/24', '2001:db8::/32'] } },
    statistics: { front_log: 'caddy.log' },
  });
  await program.sync('pond');
  const site = await runMillpond(program.config, 'front', 'caddy', '--listen', url);
  expect(site).toMatchObject({ code: 0, stderr: '' });
  await startCaddy(site.stdout, url);

  const ask = async (base: string, target: string, headers: Record<string, string>) => {
    const answer = await fetch(base + target, { headers: { accept: 'text/plain', ...headers }, redirect: 'manual' });
    const body = createHash('sha256')
      .update(Buffer.from(await answer.arrayBuffer()))
      .digest('hex');
    const fields = Object.fromEntries(COMPARED.map((name) => [name, answer.headers.get(name)]));
    return { etag: answer.headers.get('etag'), shown: { target, status: answer.status, body, ...fields } };
  };
  const expectEqual = async (target: string, from: 'disk' | 'Millpond', headers = {}): Promise<void> => {
    const [through, direct] = [await ask(url, target, headers), await ask(program.url, target, headers)];
    expect(through.shown).toEqual(direct.shown);
    // the tag of a file is Caddy's own
    expect([target, through.etag === direct.etag]).toEqual([target, from === 'Millpond']);
  };
  const targets = Object.keys(FILES).map((path) => `/pond/${path.split('/').map(encodeURIComponent).join('/')}`);
  for (const target of targets) await expectEqual(target, 'disk');
  await expectEqual('/pond/doc/noext', 'disk', { range: 'bytes=1-2' });
  for (const target of [
    '/pond/',
    '/pond/doc',
    '/pond/doc/noext?x',
    '/pond/nothing',
    '/pond//doc/noext',
    '/pond/.~tmp~/x',
  ])
    await expectEqual(target, 'Millpond');

  const lines = readFileSync(join(pond.home, 'caddy.log'), 'utf8').trim().split('\n');
  expect(lines.map((line) => parseFrontLine(line, Date.now())?.mirror)).toEqual([...targets, ''].map(() => 'pond'));
});
