import { readdirSync, readFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TreeMirror } from '../../../../core/mirror.js';
import { parseUpstream } from '../../../../core/upstream.js';
import { processesWithEnvironment } from '../../../../platform/processes.js';
import { probe } from '../../../../sync/upstreams/rsync/probe.js';
import { pull } from '../../../../sync/upstreams/rsync/pull.js';
import type { ProbeResult, PullProgress, PullRequest } from '../../../../sync/upstreams/tree-upstream.js';
import { testMirror } from '../../../fixtures/engine.js';
import { startMuteDaemon, startSilentUpstream } from '../../../fixtures/hanging-upstream.js';
import { startDaemon, type Daemon, type DaemonOptions } from '../../../fixtures/rsync-daemon.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../../../fixtures/tree.js';

interface Place {
  readonly folder: string;
  readonly up: string;
  readonly slot: string;
  readonly lines: string[];
  readonly progress: PullProgress[];
  request(url: string, fields?: Partial<PullRequest> & { config?: Partial<TreeMirror> }): PullRequest;
}

async function place(): Promise<Place> {
  const folder = await tempFolder();
  const at = { folder, up: join(folder, 'up'), slot: join(folder, 'slot'), partial: join(folder, 'partial') };
  for (const path of [at.up, at.slot, at.partial]) mkdirSync(path);
  const lines: string[] = [];
  const progress: PullProgress[] = [];
  return {
    ...{ folder, up: at.up, slot: at.slot, lines, progress },
    request: (url, { config, ...fields } = {}) => ({
      mirror: testMirror({ name: 'pond', upstreams: [url], ...config }),
      upstream: parseUpstream(url),
      signal: new AbortController().signal,
      env: { MILLPOND_CHILD_OF: folder },
      knownHosts: join(folder, 'known_hosts'),
      onLine: (line) => void lines.push(line),
      stage: { name: 'all', include: [], exclude: [], delete: true, options: [] },
      destination: at.slot,
      temporary: at.partial,
      changes: join(folder, 'changes'),
      inPlace: false,
      ...{ knownFiles: null, filesFrom: null },
      bandwidth: null,
      onProgress: (next) => void progress.push(next),
      onActivity: () => undefined,
      ...fields,
    }),
  };
}

async function daemonFor(up: string, options: Partial<DaemonOptions> = {}): Promise<Daemon> {
  const daemon = await startDaemon({ modules: { pond: up }, ...options });
  onTestFinished(() => daemon.stop());
  return daemon;
}

/** Writes a password file and returns its path. */
function passwordFile(folder: string, password: string): string {
  const file = join(folder, 'password');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return file;
}

const asUser = (url: string): string => url.replace('rsync://', 'rsync://mill@');

describe('pull', () => {
  test('fills the destination and tells numbers, progress and messages', async () => {
    const { up, slot, request, progress, lines } = await place();
    writeTree(up, { 'a/one': 'x'.repeat(1000), two: 'y'.repeat(500), '.~tmp~/left': 'z' });
    symlinkSync('/etc/passwd', join(up, 'out'));
    symlinkSync('two', join(up, 'in'));
    const daemon = await daemonFor(up);
    const result = await pull(request(daemon.url('pond')));
    expect(result).toMatchObject({
      ...{ ok: true, exitCode: 0, vanished: false },
      numbers: { transferredFiles: 2, transferredBytes: 1500, totalFiles: 2, totalBytes: expect.any(Number) as number },
    });
    expect(result.numbers.receivedBytes).toBeGreaterThan(1500);
    expect(Object.keys(snapshot(slot)).sort()).toEqual(['a/one', 'in', 'two']);
    expect(progress.at(-1)).toMatchObject({ files: 2, bytes: 1500, toCheck: 0 });
    expect(lines.join('\n')).not.toMatch(/Number of files|xfr#/);
  });

  test.each<[string, string, Partial<DaemonOptions>]>([
    ['refused', 'an unknown module', {}],
    ['refused', 'a password that is asked for', { auth: { user: 'mill', password: 'right' } }],
  ])('fails as %s at %s', async (failure, what, options) => {
    const { up, request } = await place();
    const daemon = await daemonFor(up, options);
    const url = what === 'an unknown module' ? daemon.url('nothing') : asUser(daemon.url('pond'));
    expect(await pull(request(url))).toMatchObject({ ok: false, failure, exitCode: 5 });
  });

  test('fails as connect where nobody listens, and as dns where no such host is', async () => {
    const { up, request } = await place();
    const daemon = await daemonFor(up);
    await daemon.stop();
    expect(await pull(request(daemon.url('pond')))).toMatchObject({ ok: false, failure: 'connect', exitCode: 10 });
    expect(await pull(request('rsync://no-such-host.invalid/pond/'))).toMatchObject({ ok: false, failure: 'dns' });
  });

  test('fails as partial, with what it could get, where a file cannot be read', async () => {
    const { up, slot, request } = await place();
    writeTree(up, { fine: '1' });
    const result = await pull(request('/nowhere/at/all/', { destination: slot }));
    expect(result).toMatchObject({ ok: false, failure: 'partial', exitCode: 23 });
    if (!result.ok) expect(result.message).toContain('/nowhere/at/all');
  });

  test('shows a password to nobody while it runs', async () => {
    const { folder, up, slot, request, lines } = await place();
    writeTree(up, { big: Buffer.alloc(3_000_000, 'x') });
    const daemon = await daemonFor(up, { auth: { user: 'mill', password: 'sesame-open' } });
    const config = { password: { file: passwordFile(folder, 'sesame-open') } };
    const url = asUser(daemon.url('pond'));
    const pulling = pull(request(url, { config, bandwidth: 1_000_000 }));
    const seen: string[] = [];
    await expect
      .poll(async () => {
        for (const pid of await processesWithEnvironment('MILLPOND_CHILD_OF', folder))
          for (const file of ['cmdline', 'environ'])
            try {
              seen.push(readFileSync(`/proc/${pid}/${file}`, 'latin1'));
            } catch {
              // it has just ended
            }
        return readdirSync(slot).length;
      })
      .toBeGreaterThan(0);
    expect(await pulling).toMatchObject({ ok: true });
    expect(Object.keys(snapshot(slot))).toEqual(['big']);
    expect(seen.some((text) => text.includes('--password-file=-'))).toBe(true);
    expect([...seen, ...lines].filter((text) => text.includes('sesame'))).toEqual([]);
    const wrong = { password: { file: passwordFile(folder, 'sesame-shut') } };
    const refused = await pull(request(url, { config: wrong }));
    expect(refused).toMatchObject({ ok: false, failure: 'refused' });
    expect(JSON.stringify(refused)).not.toContain('sesame');
  });

  test('needs no password where none is asked for, though it has one', async () => {
    const { folder, up, request } = await place();
    writeTree(up, { a: '1' });
    const daemon = await daemonFor(up);
    const config = { password: { file: passwordFile(folder, 'unused') } };
    expect(await pull(request(asUser(daemon.url('pond')), { config }))).toMatchObject({ ok: true });
  });

  test.each([
    ['says nothing', startSilentUpstream],
    ['says hello and nothing more', startMuteDaemon],
  ])('gives up on an upstream that %s', async (_, start) => {
    const { folder, request } = await place();
    const upstream = await start();
    onTestFinished(() => upstream.stop());
    const result = await pull(request(upstream.url('pond'), { config: { stall: 2 } }));
    expect(result).toMatchObject({ ok: false, failure: 'timeout' });
    await expect.poll(() => processesWithEnvironment('MILLPOND_CHILD_OF', folder)).toEqual([]);
  });

  test('in place, receives elsewhere than where readers look', async () => {
    const { folder, up, slot, request } = await place();
    writeTree(up, { big: Buffer.alloc(2_000_000, 'x') });
    const daemon = await daemonFor(up);
    const pulling = pull(request(daemon.url('pond'), { inPlace: true, bandwidth: 1_000_000 }));
    await expect.poll(() => readdirSync(join(folder, 'partial')).length).toBe(1);
    expect(readdirSync(slot)).toEqual([]);
    expect(await pulling).toMatchObject({ ok: true });
    expect(Object.keys(snapshot(slot))).toEqual(['big']);
  });

  test('ends with its signal, all its processes included, and keeps what it has for the next one', async () => {
    const { folder, up, slot, request } = await place();
    writeTree(up, { big: Buffer.alloc(4_000_000, 'x') });
    const daemon = await daemonFor(up);
    const controller = new AbortController();
    const pulling = pull(request(daemon.url('pond'), { signal: controller.signal, bandwidth: 1_000_000 }));
    await expect.poll(() => readdirSync(slot).length).toBe(1);
    controller.abort(new Error('enough'));
    expect(await pulling).toMatchObject({ ok: false });
    await expect.poll(() => processesWithEnvironment('MILLPOND_CHILD_OF', folder)).toEqual([]);
    expect(Object.keys(snapshot(slot))).toEqual(['.~tmp~/big']);
    expect(await pull(request(daemon.url('pond')))).toMatchObject({ ok: true });
    expect(snapshot(slot)).toEqual(snapshot(up));
    await expect(pull(request(daemon.url('pond'), { signal: controller.signal }))).rejects.toThrow('enough');
  });
});

describe('probe', () => {
  async function probed(up: string, path: string, at: Place, config: Partial<TreeMirror> = {}): Promise<ProbeResult> {
    const daemon = await daemonFor(up);
    const folder = join(at.folder, 'probe');
    mkdirSync(folder);
    return probe({ ...at.request(daemon.url('pond'), { config }), path, folder });
  }

  test.each([
    ['a file', 'trace/master'],
    ['a link to one', 'trace/link'],
    ['a name that a shell or a pattern would not', 'trace/it’s $(here) [1].txt'],
  ])('returns the bytes of %s', async (_, path) => {
    const at = await place();
    writeTree(at.up, { 'trace/master': 'marker\n', 'trace/it’s $(here) [1].txt': 'marker\n' });
    symlinkSync('master', join(at.up, 'trace/link'));
    expect(await probed(at.up, path, at)).toMatchObject({ ok: true, content: Buffer.from('marker\n') });
  });

  test.each([
    ['nothing is', 'trace/none'],
    ['its folder is missing', 'none/none'],
    ['a file is too large', 'large'],
    ['a link leads nowhere', 'dangling'],
  ])('has no content where %s', async (_, path) => {
    const at = await place();
    writeTree(at.up, { large: Buffer.alloc(1_100_000), 'trace/master': '1' });
    symlinkSync('nowhere', join(at.up, 'dangling'));
    expect(await probed(at.up, path, at)).toEqual({ ok: true, content: null });
  });

  test('has no content where the name is a folder', async () => {
    const at = await place();
    writeTree(at.up, { 'trace/master': '1' });
    expect(await probed(at.up, 'trace', at)).toEqual({ ok: true, content: null });
  });

  test('tells why an upstream cannot be asked', async () => {
    const { folder, up, request } = await place();
    const daemon = await daemonFor(up);
    const result = await probe({ ...request(daemon.url('nothing')), path: 'x', folder });
    expect(result).toMatchObject({ ok: false, failure: 'refused' });
    const upstream = await startSilentUpstream();
    onTestFinished(() => upstream.stop());
    const silent = { ...request(upstream.url('pond'), { config: { stall: 2 } }), path: 'x', folder };
    expect(await probe(silent)).toMatchObject({ ok: false, failure: 'timeout' });
  });
});
