import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkCertificates } from '../../cli/check/certificates.js';
import { checkDataFolder, checkDiskSpace, checkFileSystem, checkRsync } from '../../cli/check/machine.js';
import type { CheckResult } from '../../cli/check/check-result.js';
import { checkUpstreams } from '../../cli/check/upstreams.js';
import type { Settings } from '../../config/settings.js';
import type { TreeMirror } from '../../core/mirror.js';
import { makeCertificate, type CertificateFiles } from '../fixtures/certificates.js';
import { testMarker, testMirror, testSettings } from '../fixtures/engine.js';
import { startSilentUpstream } from '../fixtures/hanging-upstream.js';
import { startDaemon, type Daemon, type DaemonOptions } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tcp } from '../server/listening/scene.js';
import { command } from './scene.js';

const TRACE = testMarker('project/trace/master', { parser: 'date-line' });

/** A real daemon that exports a tree with a marker as module `pond`. */
async function upstream(options: Partial<DaemonOptions> = {}): Promise<Daemon> {
  const tree = await tempFolder();
  await mkdir(join(tree, 'project', 'trace'), { recursive: true });
  await writeFile(join(tree, 'project/trace/master'), 'Date: Mon, 23 Nov 2026 06:00:00 +0000\n');
  const daemon = await startDaemon({ modules: { pond: tree }, ...options });
  onTestFinished(() => daemon.stop());
  return daemon;
}

async function checked(mirrors: readonly TreeMirror[]): ReturnType<typeof checkUpstreams> {
  return checkUpstreams(testSettings(await tempFolder(), mirrors), 3);
}

describe('checkUpstreams', () => {
  it('finds a daemon with and without a marker, and a local folder', async () => {
    const daemon = await upstream();
    const results = await checked([
      testMirror({ name: 'marked', upstreams: [daemon.url('pond')], marker: TRACE }),
      testMirror({ name: 'plain', upstreams: [daemon.url('pond')] }),
      testMirror({ name: 'local', upstreams: [`${await tempFolder()}/`] }),
    ]);
    expect(results).toMatchObject([
      { check: 'marked', ok: true, text: `${daemon.url('pond')} answers; its marker is of 2026-11-23 06:00 UTC` },
      { check: 'plain', ok: true, text: `${daemon.url('pond')} answers` },
      { check: 'local', ok: true },
    ]);
  });

  it('looks at each upstream of a mirror, in their order', async () => {
    const daemon = await upstream();
    const upstreams = [...Array(9).keys()].map((index) => daemon.url(index === 4 ? 'pond' : `none${index}`));
    const results = await checked([testMirror({ name: 'many', upstreams })]);
    expect(results.map(({ ok }) => ok)).toEqual(upstreams.map((_, index) => index === 4));
    expect(results[8]?.text).toContain(upstreams[8]);
  });

  it('tells what is wrong and what to do about it', async () => {
    const daemon = await upstream();
    const { port, stop } = await upstream();
    await stop();
    const silent = await startSilentUpstream();
    onTestFinished(() => silent.stop());
    const results = await checked([
      testMirror({ name: 'no-module', upstreams: [daemon.url('none')] }),
      testMirror({ name: 'no-folder', upstreams: [`${daemon.url('pond')}none/`] }),
      testMirror({ name: 'no-marker', upstreams: [daemon.url('pond')], marker: testMarker('project') }),
      testMirror({ name: 'no-time', upstreams: [daemon.url('pond')], marker: { ...TRACE, parser: 'epoch' } }),
      testMirror({ name: 'no-daemon', upstreams: [`rsync://127.0.0.1:${port}/pond/`] }),
      testMirror({ name: 'no-answer', upstreams: [silent.url('pond')] }),
      testMirror({ name: 'no-local', upstreams: ['/no/such/folder/'] }),
    ]);
    expect(results.map(({ check, ok, text }) => ({ check, ok, text }))).toMatchObject(
      [
        ['no-module', 'Upstream has no such module'],
        ['no-folder', 'No such file or directory'],
        ['no-marker', 'has no small file "project"'],
        ['no-time', 'no time is found as "epoch"'],
        ['no-daemon', 'The connection to upstream failed'],
        ['no-answer', /did not answer|timeout|too long/i],
        ['no-local', 'No such file or directory'],
      ].map(([check, words]) => ({
        check,
        ok: false,
        text: matching(words),
      })),
    );
    expect(results.filter(({ remedy }) => remedy === '')).toEqual([]);
  });

  it('uses the password and never shows it', async () => {
    const daemon = await upstream({ auth: { user: 'mirror', password: 'right-Secret' } });
    const folder = await tempFolder();
    const secret = async (name: string, value: string, mode = 0o600): Promise<{ file: string }> => {
      await writeFile(join(folder, name), value, { mode });
      return { file: join(folder, name) };
    };
    const upstreams = [`rsync://mirror@127.0.0.1:${daemon.port}/pond/`];
    const open = await secret('open', 'right-Secret');
    await chmod(open.file, 0o644);
    const results = await checked([
      testMirror({ name: 'right', upstreams, password: await secret('right', 'right-Secret\n') }),
      testMirror({ name: 'wrong', upstreams, password: await secret('wrong', 'wrong-Secret\n') }),
      testMirror({ name: 'open', upstreams, password: open }),
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false]);
    expect(results[1]).toMatchObject({ text: expect.stringContaining('Upstream refuses us') as string });
    expect(results[2]).toMatchObject({
      text: expect.stringContaining('is open to every user of this machine') as string,
      remedy: expect.stringContaining('chmod 600') as string,
    });
    expect(JSON.stringify(results)).not.toMatch(/Secret|mirror@/);
  });
});

describe('checkRsync', () => {
  const program = async (output: string): Promise<string> => {
    const file = join(await tempFolder(), 'rsync');
    await writeFile(file, `#!/bin/sh\necho '${output}'\n`, { mode: 0o755 });
    return file;
  };

  it('accepts the rsync of this machine, and 3.1', async () => {
    expect(await checkRsync()).toMatchObject({ ok: true, text: expect.stringMatching(/^version \d/) as string });
    expect(await checkRsync(await program('rsync  version 3.1.3  protocol version 31'))).toMatchObject({ ok: true });
  });

  it.each([
    ['an old one', 'rsync  version 3.0.9  protocol version 30', 'version 3.0.9 is too old'],
    ['something else', 'hello', 'names no version'],
  ])('refuses %s', async (_name, output, words) => {
    const result = await checkRsync(await program(output));
    expect(result).toMatchObject({ ok: false, remedy: expect.stringContaining('apt-get install rsync') as string });
    expect(result.text).toContain(words);
  });

  it('says that there is none', async () => {
    expect(await checkRsync('/no/such/rsync')).toMatchObject({ ok: false });
  });
});

describe('checkDataFolder', () => {
  it('tries what publishing needs and leaves nothing behind', async () => {
    const folder = await tempFolder();
    expect(await checkDataFolder(folder)).toMatchObject({ ok: true });
    expect(await readdir(folder)).toEqual([]);
  });

  it('says that the folder can be created, and does not create it', async () => {
    const folder = await tempFolder();
    const result = await checkDataFolder(join(folder, 'a', 'b'));
    expect(result).toMatchObject({ ok: true, text: expect.stringContaining('can be created') as string });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a file, and a folder where nothing can be made', async () => {
    const file = join(await tempFolder(), 'file');
    await writeFile(file, '');
    expect(await checkDataFolder(file)).toMatchObject({ ok: false, text: `"${file}" is not a folder` });
    const within = await checkDataFolder(join(file, 'data'));
    expect(within).toMatchObject({ ok: false, remedy: expect.stringMatching(/\S/) as string });
    expect(await checkDataFolder('/proc/1/net')).toMatchObject({ ok: false });
  });
});

describe('checkFileSystem', () => {
  it('accepts mirrors that do not exist yet', async () => {
    const settings = testSettings(await tempFolder(), [testMirror({ name: 'pond', upstreams: ['/x/'] })]);
    expect(await checkFileSystem(settings)).toMatchObject({ ok: true });
  });
});

describe('checkCertificates', () => {
  const DAY = 86_400_000;

  async function results(certificates: readonly CertificateFiles[], now = Date.now()): Promise<CheckResult[]> {
    const { listen } = testSettings(await tempFolder(), []);
    const https = { ...tcp('127.0.0.1', 443), certificates, hsts: null };
    return checkCertificates({ listen: { ...listen, https: [https, https] } }, now);
  }

  it('tells until when each holds, once', async () => {
    const folder = await tempFolder();
    const [one, two] = [await makeCertificate(folder, 'one'), await makeCertificate(folder, 'two')];
    const found = await results([one, two]);
    expect(found.map(({ check, ok, remedy }) => [check, ok, remedy])).toEqual([
      ['certificate', true, ''],
      ['certificate', true, ''],
    ]);
    expect(found[0]?.text).toMatch(/^".*one\.crt" holds until \d{4}-\d\d-\d\d \d\d:\d\d UTC, 0 days$/);
  });

  it('finds what has expired, and what does not hold yet', async () => {
    const files = await makeCertificate(await tempFolder(), 'one');
    expect(await results([files], Date.now() + 2 * DAY)).toMatchObject([
      { ok: false, text: expect.stringMatching(/has expired \d{4}-/) as string },
    ]);
    expect(await results([files], Date.now() - 2 * DAY)).toMatchObject([
      { ok: false, text: expect.stringMatching(/holds from \d{4}-.* on only/) as string },
    ]);
  });

  it('finds files that cannot be used, and a key of another certificate', async () => {
    const folder = await tempFolder();
    const [one, two] = [await makeCertificate(folder, 'one'), await makeCertificate(folder, 'two')];
    const found = await results([
      { ...one, cert: join(folder, 'none') },
      { ...one, key: two.key },
      { ...one, cert: one.key },
    ]);
    expect(found.map(({ ok }) => ok)).toEqual([false, false, false]);
    expect(found[0]?.text).toContain('none" cannot be read');
    expect(found[1]?.text).toContain('holds no private key of this certificate');
    expect(found[2]?.text).toContain('holds no certificate');
    expect(found.every(({ remedy }) => remedy !== '')).toBe(true);
  });
});

describe('checkDiskSpace', () => {
  it('compares what is free with the reserve', async () => {
    const settings = (reserve: Settings['sync']['reserve'], folder: string): Settings =>
      testSettings(folder, [], { reserve });
    const folder = await tempFolder();
    expect(await checkDiskSpace(settings({ bytes: 1 }, folder))).toMatchObject({ ok: true, remedy: '' });
    const full = await checkDiskSpace(settings({ share: 1 }, folder));
    expect(full).toMatchObject({ ok: false, remedy: expect.stringContaining('sync.reserve') as string });
  });
});

describe('millpond check', () => {
  it('prints a table and exits with 0 when all is well, with 1 when it is not', async () => {
    const daemon = await upstream();
    const cwd = await tempFolder();
    const write = (module: string): Promise<void> =>
      writeFile(
        join(cwd, 'millpond.yaml'),
        `data: ./data\nsync: { reserve: 1MB }\nmirrors:\n  pond: { upstream: "${daemon.url(module)}", schedule: manual }\n`,
      );
    await write('pond');
    const good = await command(['check'], { cwd });
    expect(good.stdout).toMatch(/^ok +configuration +".*millpond\.yaml" can be used: 1 mirror\nok +rsync +version /);
    expect(good.code).toBe(0);
    await write('none');
    const bad = await command(['check'], { cwd });
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/\nproblem +pond +rsync:.*no such module.*\n {9}Check module/);
    const json = await command(['check', '--json'], { cwd });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, checks: expect.any(Array) as unknown[] });
  });

  it('lists every problem of the configuration', async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, 'millpond.yaml'), 'mirrors:\n  pond: { upstream: /x/, shedule: manual }\n');
    const { code, stdout } = await command(['check'], { cwd });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^problem +configuration +the configuration ".*" cannot be used:\n/);
    expect(stdout).toContain('did you mean "schedule"?');
  });
});

function matching(words: string | RegExp | boolean | undefined): unknown {
  return words instanceof RegExp ? expect.stringMatching(words) : expect.stringContaining(String(words));
}
