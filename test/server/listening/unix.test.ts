import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { makeCertificate } from '../../fixtures/certificates.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { curl, listenersWith, secure, unix, type CurlEnd } from './scene.js';

let path: string;

beforeEach(async () => {
  path = join(await tempFolder(), 'http.sock');
});

function ask(...args: string[]): Promise<CurlEnd> {
  return curl('--unix-socket', path, ...args);
}

/** Leaves a socket that nobody listens on, as a killed program does. */
function leaveSocket(): void {
  const script = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
  expect(() => execFileSync(process.execPath, ['-e', script, path], { stdio: 'ignore' })).toThrow();
}

describe('a Unix socket', () => {
  test('is served to curl, for whom its mode says, and is gone afterwards', async () => {
    const { listeners } = listenersWith();
    expect(await listeners.apply({ http: [unix(path)], https: [] })).toEqual([`unix:${path}`]);
    expect((await ask('http://pond/')).stdout).toBe('pond');
    expect((await stat(path)).mode & 0o777).toBe(0o660);
    await listeners.apply({ http: [unix(path, { mode: 0o600 })], https: [] });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await listeners.apply({ http: [], https: [] });
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  test('replaces one that a killed program left', async () => {
    leaveSocket();
    expect((await stat(path)).isSocket()).toBe(true);
    await listenersWith().listeners.apply({ http: [unix(path)], https: [] });
    expect((await ask('http://pond/')).stdout).toBe('pond');
  });

  test('is never taken from a program that listens, and no other file is removed', async () => {
    const other = createServer((socket) => socket.on('error', () => undefined).end('mine')).listen(path);
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { listeners } = listenersWith();
    const wanted = { http: [unix(path)], https: [] };
    await expect(listeners.apply(wanted)).rejects.toThrow(
      `cannot listen on unix:${path}: another program listens there`,
    );
    const [said] = (await once(connect(path), 'data')) as [Buffer];
    expect(said.toString()).toBe('mine');
    const file = `${path}.txt`;
    await writeFile(file, 'kept');
    const onFile = { http: [unix(file)], https: [] };
    await expect(listeners.apply(onFile)).rejects.toThrow(`cannot listen on unix:${file}: what is there is no socket`);
    expect((await stat(file)).isFile()).toBe(true);
  });

  test.each([
    ['none/http.sock', 'its folder is not there'],
    [`${'x'.repeat(108)}.sock`, 'is longer than 107 bytes'],
  ])('at %s is refused in one sentence', async (name, sentence) => {
    const wanted = { http: [unix(join(path, '..', name))], https: [] };
    await expect(listenersWith().listeners.apply(wanted)).rejects.toThrow(sentence);
  });

  test('goes from HTTP to HTTPS at a reload, and is as before when that fails', async () => {
    const { listeners } = listenersWith();
    await listeners.apply({ http: [unix(path)], https: [] });
    const folder = join(path, '..', 'tls');
    await mkdir(folder);
    const files = await makeCertificate(folder, 'pond');
    const broken = { cert: files.key, key: files.key };
    await expect(listeners.apply({ http: [], https: [secure(unix(path), [broken])] })).rejects.toThrow(
      'no certificate',
    );
    expect((await ask('http://pond/')).stdout).toBe('pond');
    await listeners.apply({ http: [], https: [secure(unix(path), [files])] });
    expect((await ask('--insecure', 'https://pond/')).stdout).toBe('pond');
  });
});
