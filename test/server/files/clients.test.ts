import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { FILE_TIME, startSite, type Site } from './site.js';

const run = promisify(execFile);

/** Whether a client is on this machine; the suite's set-up installs both. */
function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, name)));
}

async function siteToFetch(): Promise<{ site: Site; target: string }> {
  const site = await startSite();
  const target = join(site.folder, 'fetched');
  mkdirSync(target);
  return { site, target };
}

function contentsOf(folder: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([folder, Buffer.from('/'), entry.name]);
    const name = entry.name.toString('latin1');
    if (entry.isDirectory())
      for (const [below, digest] of Object.entries(contentsOf(path))) found[`${name}/${below}`] = digest;
    else found[name] = createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  return found;
}

test.skipIf(!hasProgram('curl'))('curl -C - goes on where a download stopped', async () => {
  const { site, target } = await siteToFetch();
  const content = randomBytes(3_000_000);
  site.write('a', 'image.iso', content);
  site.publish('a');
  const file = join(target, 'image.iso');
  writeFileSync(file, content.subarray(0, 1_234_567));
  await run('curl', ['-sSf', '-R', '-C', '-', '-o', file, `${site.url}/debian/image.iso`]);
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(statSync(file).mtimeMs).toBe(FILE_TIME);
  // curl may be gone before the end of the response is told
  await expect
    .poll(() => site.events.map((event) => [event.status, event.bytes]))
    .toEqual([[206, 3_000_000 - 1_234_567]]);
});

test.skipIf(!hasProgram('curl'))('curl -z fetches nothing that has not changed', async () => {
  const { site, target } = await siteToFetch();
  site.write('a', 'file', 'content');
  site.publish('a');
  const file = join(target, 'file');
  const get = ['-sSf', '-R', '-o', file, '-w', '%{http_code}'];
  expect((await run('curl', [...get, `${site.url}/debian/file`])).stdout).toBe('200');
  expect((await run('curl', [...get, '-z', file, `${site.url}/debian/file`])).stdout).toBe('304');
  expect(readFileSync(file, 'utf8')).toBe('content');
});

test.skipIf(!hasProgram('wget'))('wget -r fetches a whole tree by its listings', async () => {
  const { site, target } = await siteToFetch();
  const names = [
    'pool/main/a/a_1:2+b~1_all.deb',
    'dists/stable/InRelease',
    'a b/c&d/e"f',
    'x:y/z:1',
    '100%/é',
    '.treeinfo',
  ];
  for (const name of names) site.write('a', name, randomBytes(1000));
  site.write('a', 'large', randomBytes(700_000));
  writeFileSync(Buffer.concat([Buffer.from(`${site.slot('a')}/caf`), Buffer.from([0xe9])]), 'not UTF-8');
  site.publish('a');
  const keepNames = ['--restrict-file-names=nocontrol', '--no-iri', '--local-encoding=UTF-8'];
  const wanted = ['-r', '-np', '-nH', '--cut-dirs=1', '-e', 'robots=off', '-R', 'index.html*', ...keepNames];
  await run('wget', ['-q', ...wanted, '-P', target, `${site.url}/debian/`]);
  expect(contentsOf(Buffer.from(target))).toEqual(contentsOf(Buffer.from(site.slot('a'))));
});
