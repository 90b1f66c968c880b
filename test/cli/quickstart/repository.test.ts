import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { buildRepository, refreshRepository } from '../../../cli/quickstart/repository.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const SUITE = join('dists', 'stable');

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('buildRepository', () => {
  it('makes an archive whose signatures gpgv accepts and whose indexes name files that are there', async () => {
    const folder = join(await tempFolder(), 'pond');
    expect(await buildRepository(folder)).toEqual({ kind: 'apt' });
    checkSignatures(folder);
    await checkClosure(folder);
    const release = await readFile(join(folder, SUITE, 'Release'), 'utf8');
    expect(release).toMatch(/^Acquire-By-Hash: yes$/m);
    expect(release).toMatch(/^Architectures: amd64 arm64 all$/m);
    expect(await packageVersions(folder)).toEqual(['millpond-docs 1.0', 'millpond-hello 1.0.1']);
    expect(await readFile(join(folder, 'project', 'trace', 'master'), 'utf8')).toMatch(/^Date: \w{3}, \d\d .* UTC$/m);
  });

  it('keeps the secret key out of what is exported, and leaves no gpg-agent behind', async () => {
    const root = await tempFolder();
    vi.stubEnv('TMPDIR', root);
    const folder = join(root, 'pond');
    await buildRepository(folder);
    const exported = await readdir(folder, { recursive: true });
    expect(exported.filter((path) => /gnupg|private|secret/.test(path))).toEqual([]);
    expect(await readFile(join(folder, 'key.asc'), 'utf8')).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
    expect((await stat(join(`${folder}.private`, 'gnupg'))).mode & 0o077).toBe(0);
    expect(await commandLinesWith(root)).toEqual([]);
    expect(await readdir(root)).toEqual(['pond', 'pond.private']);
  });

  it('marks its gpg, whose agent must be found again when the program was killed', async () => {
    const root = await tempFolder();
    const real = execFileSync('which', ['gpg'], { encoding: 'utf8' }).trim();
    const script = `#!/bin/sh\nprintf '%s\\n' "$TEST_MARK" >>'${root}/marks'\nexec ${real} "$@"\n`;
    await writeFile(join(root, 'gpg'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${root}:${process.env['PATH']}`);
    const env = { TEST_MARK: 'of the data folder' };
    await buildRepository(join(root, 'pond'), { env });
    await refreshRepository(join(root, 'pond'), { env });
    const marks = (await readFile(join(root, 'marks'), 'utf8')).trimEnd().split('\n');
    const signing = marks.slice(1); // the first call only asks for its version
    expect(signing.length).toBeGreaterThan(5);
    expect(new Set(signing)).toEqual(new Set(['of the data folder']));
  });

  it('leaves a complete repository as it is', async () => {
    const folder = join(await tempFolder(), 'pond');
    await buildRepository(folder);
    const before = await readFile(join(folder, SUITE, 'InRelease'), 'utf8');
    expect(await buildRepository(folder)).toEqual({ kind: 'apt' });
    expect(await readFile(join(folder, SUITE, 'InRelease'), 'utf8')).toBe(before);
  });

  it('throws a half-built one away', async () => {
    const folder = join(await tempFolder(), 'pond');
    await mkdir(join(folder, 'pool'), { recursive: true });
    await writeFile(join(folder, 'pool', 'half.deb'), 'half');
    await mkdir(join(`${folder}.private`, 'gnupg'), { recursive: true });
    await writeFile(join(`${folder}.private`, 'complete.json'), '{"kind":');
    await buildRepository(folder);
    expect(existsSync(join(folder, 'pool', 'half.deb'))).toBe(false);
    checkSignatures(folder);
  });

  it('works where paths are long and the umask is strict', async () => {
    const folder = join(await tempFolder(), 'x'.repeat(120), 'pond');
    const script = `process.umask(0o077);
      const { buildRepository } = await import(${JSON.stringify(builtModule('cli/quickstart/repository.js'))});
      await buildRepository(${JSON.stringify(folder)});`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script]);
    checkSignatures(folder);
  });

  it('makes a plain tree where a tool is missing, which changes when it is refreshed', async () => {
    const root = await tempFolder();
    const folder = join(root, 'pond');
    vi.stubEnv('PATH', join(root, 'nothing'));
    expect(await buildRepository(folder)).toEqual({ kind: 'plain' });
    const before = await readFile(join(folder, 'project', 'trace', 'master'), 'utf8');
    await refreshRepository(folder);
    expect(await readFile(join(folder, 'project', 'trace', 'master'), 'utf8')).not.toBe(before);
    expect(await readFile(join(folder, 'NEWS'), 'utf8')).toContain('Revision 2');
    vi.unstubAllEnvs();
    expect(await buildRepository(folder)).toEqual({ kind: 'apt' }); // the tools have been installed since
    checkSignatures(folder);
  });
});

describe('refreshRepository', () => {
  it('publishes a new version, keeps the one before it and the indexes of three publications', async () => {
    const folder = join(await tempFolder(), 'pond');
    const now = () => Date.UTC(2030, 0, 1); // the clock stands still: files must get later times all the same
    await buildRepository(folder, { now });
    const byHash = join(folder, SUITE, 'main', 'binary-amd64', 'by-hash', 'SHA256');
    const times = [(await stat(join(folder, SUITE, 'InRelease'))).mtimeMs];
    const traces = new Set([await readFile(join(folder, 'project', 'trace', 'master'), 'utf8')]);
    for (let revision = 2; revision <= 6; revision += 1) {
      await refreshRepository(folder, { now });
      checkSignatures(folder);
      await checkClosure(folder);
      times.push((await stat(join(folder, SUITE, 'InRelease'))).mtimeMs);
      traces.add(await readFile(join(folder, 'project', 'trace', 'master'), 'utf8'));
    }
    expect(times).toEqual(times.map((_, index) => now() + index * 1000));
    expect(traces.size).toBe(6);
    expect(await packageVersions(folder)).toEqual([
      'millpond-docs 1.0',
      'millpond-hello 1.0.5',
      'millpond-hello 1.0.6',
    ]);
    expect((await readdir(join(folder, 'pool', 'main', 'm', 'millpond-hello'))).sort()).toEqual([
      'millpond-hello_1.0.5_all.deb',
      'millpond-hello_1.0.6_all.deb',
    ]);
    const kinds = (await readdir(join(folder, SUITE, 'main', 'binary-amd64'))).filter((name) => name !== 'by-hash');
    expect((await readdir(byHash)).length).toBe(kinds.length * 3);
  });

  it('refuses where there is no complete repository', async () => {
    await expect(refreshRepository(join(await tempFolder(), 'pond'))).rejects.toMatchObject({ code: 'conflict' });
  });

  it('goes on after it was interrupted before anything was recorded', async () => {
    const folder = join(await tempFolder(), 'pond');
    await buildRepository(folder);
    const state = await readFile(join(`${folder}.private`, 'complete.json'), 'utf8');
    await refreshRepository(folder);
    const deb = join(folder, 'pool', 'main', 'm', 'millpond-hello', 'millpond-hello_1.0.2_all.deb');
    const bytes = await readFile(deb);
    await writeFile(join(`${folder}.private`, 'complete.json'), state);
    await refreshRepository(folder);
    expect((await readFile(deb)).equals(bytes)).toBe(true);
    await checkClosure(folder);
  });
});

describe('the archive', () => {
  it('is one that apt-get updates from and downloads a package of', async () => {
    const root = await tempFolder();
    const folder = join(root, 'pond');
    await buildRepository(folder);
    const state = join(root, 'apt');
    for (const path of ['lists/partial', 'cache/archives/partial', 'etc/preferences.d', 'etc/apt.conf.d'])
      await mkdir(join(state, path), { recursive: true });
    const list = join(state, 'sources.list');
    await writeFile(list, `deb [signed-by=${folder}/millpond-quickstart.gpg] file:${folder} stable main\n`);
    await writeFile(join(state, 'status'), '');
    const options = Object.entries({
      'Dir::Etc': join(state, 'etc'),
      'Dir::Etc::SourceList': list,
      'Dir::Etc::SourceParts': '-',
      'Dir::State': state,
      'Dir::State::Lists': join(state, 'lists'),
      'Dir::State::status': join(state, 'status'),
      'Dir::Cache': join(state, 'cache'),
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
    }).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    execFileSync('apt-get', [...options, '-q', 'update', '--error-on=any'], { stdio: 'pipe' });
    execFileSync('apt-get', [...options, '-q', 'download', 'millpond-hello'], { cwd: root, stdio: 'pipe' });
    const deb = join(root, 'millpond-hello_1.0.1_all.deb');
    execFileSync('dpkg-deb', ['-x', deb, join(root, 'unpacked')]);
    const printed = execFileSync(join(root, 'unpacked', 'usr', 'bin', 'millpond-hello'), { encoding: 'utf8' });
    expect(printed).toBe('Hello from the pond, version 1.0.1.\n');
  });
});

/** Command lines of running programs that contain `text`; gpg-agent has its home there. */
async function commandLinesWith(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(text));
}

function builtModule(path: string): string {
  return new URL(`../../../dist/${path}`, import.meta.url).href;
}

function checkSignatures(folder: string): void {
  const keyring = join(folder, 'millpond-quickstart.gpg');
  const suite = join(folder, SUITE);
  const gpgv = (...files: string[]) => execFileSync('gpgv', ['--keyring', keyring, ...files], { stdio: 'pipe' });
  gpgv(join(suite, 'InRelease'));
  gpgv(join(suite, 'Release.gpg'), join(suite, 'Release'));
}

/** Release names each index by hash and size, by name and by-hash; each index names files of the pool by hash and size. */
async function checkClosure(folder: string): Promise<void> {
  const suite = join(folder, SUITE);
  const release = await readFile(join(suite, 'Release'), 'utf8');
  const named = [...release.matchAll(/^ ([0-9a-f]{64})\s+(\d+) (\S+)$/gm)];
  expect(named.length).toBeGreaterThanOrEqual(6);
  for (const [, hash = '', size, path = ''] of named) {
    for (const file of [join(suite, path), join(suite, path, '..', 'by-hash', 'SHA256', hash)]) {
      const bytes = await readFile(file);
      expect([sha256(bytes), String(bytes.length)]).toEqual([hash, size]);
    }
  }
  for (const paragraph of await paragraphs(folder)) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
    const bytes = await readFile(join(folder, field('Filename')));
    expect([sha256(bytes), String(bytes.length)]).toEqual([field('SHA256'), field('Size')]);
  }
}

async function packageVersions(folder: string): Promise<string[]> {
  const found = await paragraphs(folder);
  return found.map((text) => `${/^Package: (.*)$/m.exec(text)?.[1]} ${/^Version: (.*)$/m.exec(text)?.[1]}`).sort();
}

async function paragraphs(folder: string): Promise<string[]> {
  const packed = await readFile(join(folder, SUITE, 'main', 'binary-amd64', 'Packages.gz'));
  return gunzipSync(packed).toString('utf8').trim().split('\n\n');
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
