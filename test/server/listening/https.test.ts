import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CertificateFiles } from '../../../config/settings.js';
import { makeCertificate } from '../../fixtures/certificates.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { answerPond, curl, listenersWith, secure, tcp, type ListeningScene } from './scene.js';

let folder: string;
let files: CertificateFiles;

beforeEach(async () => {
  folder = await tempFolder();
  files = await makeCertificate(folder, 'first');
});

/** HTTPS on a free port of 127.0.0.1; returns it. */
async function listenSecurely({ listeners }: ListeningScene, hsts: number | null = null, ...more: CertificateFiles[]) {
  const [url = ''] = await listeners.apply({ http: [], https: [secure(tcp('127.0.0.1', 0), [files, ...more], hsts)] });
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  return Number(new URL(url).port);
}

/** The name that the certificate of an answer was made for. */
async function servedName(port: number, servername: string): Promise<unknown> {
  const socket = connectTls({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

async function replace(name: string): Promise<void> {
  const next = await makeCertificate(folder, name);
  await rename(next.key, files.key);
  await rename(next.cert, files.cert);
}

describe('HTTPS', () => {
  test('is spoken with curl, which checks the certificate; HTTP beside it goes on', async () => {
    const scene = listenersWith((request, response) => response.end(String('encrypted' in request.socket)));
    const https = secure(tcp('127.0.0.1', 0), [files]);
    const urls = await scene.listeners.apply({ http: [tcp('127.0.0.1', 0)], https: [https] });
    const [httpUrl = '', httpsUrl = ''] = urls;
    expect((await curl(httpUrl)).stdout).toBe('false');
    const { port } = new URL(httpsUrl);
    const answer = await curl(
      '--include',
      '--cacert',
      files.cert,
      '--resolve',
      `localhost:${port}:127.0.0.1`,
      `https://localhost:${port}/`,
    );
    expect(answer.stdout).toMatch(/true$/);
    expect(answer.stdout).not.toMatch(/strict-transport-security/i);
    expect((await curl(httpsUrl)).code).toBe(60); // nobody vouches for it
  });

  test('says Strict-Transport-Security where it is asked to', async () => {
    const port = await listenSecurely(listenersWith(), 31_536_000);
    const { stdout } = await curl('--insecure', '--include', `https://127.0.0.1:${port}/`);
    expect(stdout).toContain('Strict-Transport-Security: max-age=31536000\r\n');
  });

  test('shows openssl TLS 1.2 and 1.3, and nothing older', async () => {
    const port = await listenSecurely(listenersWith());
    const handshake = (version: string): Promise<string> =>
      new Promise((resolve) => {
        const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-brief', version];
        execFile('openssl', args, (_error, stdout, stderr) => resolve(stdout + stderr)).stdin?.end();
      });
    expect(await handshake('-tls1_3')).toContain('Protocol version: TLSv1.3');
    expect(await handshake('-tls1_2')).toContain('Protocol version: TLSv1.2');
    expect(await handshake('-tls1_1')).not.toContain('CONNECTION ESTABLISHED');
  });

  test('chooses among certificates by the name that the client asks for', async () => {
    const other = await makeCertificate(folder, 'other', 'other.example.edu');
    const port = await listenSecurely(listenersWith(), null, other);
    expect(await servedName(port, 'other.example.edu')).toBe('other');
    expect(await servedName(port, 'localhost')).toBe('first');
    expect(await servedName(port, 'nobody.example.edu')).toBe('first');
  });
});

describe('a certificate whose files change', () => {
  test('is read again while requests run, and none of them fails', async () => {
    const scene = listenersWith(answerPond, { lookAtFilesEveryMs: 20 });
    const port = await listenSecurely(scene);
    let isOver = false;
    const ends: number[] = [];
    const load = Array.from({ length: 3 }, async () => {
      while (!isOver)
        ends.push((await curl('--insecure', `https://127.0.0.1:${port}/`, `https://127.0.0.1:${port}/`)).code);
    });
    for (const name of ['second', 'third']) {
      await replace(name);
      await expect.poll(() => servedName(port, 'localhost'), { timeout: 10_000 }).toBe(name);
    }
    isOver = true;
    await Promise.all(load);
    expect(ends.length).toBeGreaterThan(3);
    expect(ends.filter((code) => code !== 0)).toEqual([]);
    expect(scene.logged.filter((line) => line.includes('are used from now on')).length).toBeGreaterThanOrEqual(2);
  });

  test('is followed through symbolic links, as certbot replaces them', async () => {
    const next = await makeCertificate(folder, 'next');
    const links = { cert: join(folder, 'fullchain.pem'), key: join(folder, 'privkey.pem') };
    const point = async (target: CertificateFiles): Promise<void> => {
      for (const kind of ['cert', 'key'] as const) {
        await rm(links[kind], { force: true });
        await symlink(target[kind], links[kind]);
      }
    };
    await point(files);
    files = links;
    const port = await listenSecurely(listenersWith(answerPond, { lookAtFilesEveryMs: 20 }));
    expect(await servedName(port, 'localhost')).toBe('first');
    await point(next);
    await expect.poll(() => servedName(port, 'localhost'), { timeout: 10_000 }).toBe('next');
  });

  test.each(['nothing', 'the key of another'])('stays as it was when what is there now is %s', async (what) => {
    const scene = listenersWith(answerPond, { lookAtFilesEveryMs: 20 });
    const port = await listenSecurely(scene);
    const other = await makeCertificate(folder, 'other');
    if (what === 'nothing') await writeFile(files.cert, '');
    else await cp(other.key, files.key);
    await expect.poll(() => scene.logged.join()).toContain('the certificate before is still used');
    expect(await servedName(port, 'localhost')).toBe('first');
    await cp(other.key, files.key);
    await cp(other.cert, files.cert);
    await expect.poll(() => servedName(port, 'localhost'), { timeout: 10_000 }).toBe('other');
  });
});

describe('HttpListeners.apply with certificates', () => {
  const at = (port: number, pair: CertificateFiles) => ({ http: [], https: [secure(tcp('127.0.0.1', port), [pair])] });

  test('takes other files without closing the address: what runs goes on', async () => {
    let answering: ServerResponse | undefined;
    const scene = listenersWith((request, response) => {
      if (request.url === '/slow') answering = response;
      else response.end('pond');
    });
    const port = await listenSecurely(scene);
    const slow = curl('--insecure', `https://127.0.0.1:${port}/slow`);
    await expect.poll(() => answering).toBeDefined();
    await scene.listeners.apply(at(0, await makeCertificate(folder, 'other')));
    expect(await servedName(port, 'localhost')).toBe('other');
    answering?.end('at last');
    expect((await slow).stdout).toBe('at last');
  });

  test('refuses files that cannot be used, and serves as before', async () => {
    const scene = listenersWith();
    const port = await listenSecurely(scene);
    const other = await makeCertificate(folder, 'other');
    const sentences: [CertificateFiles, string][] = [
      [{ cert: files.cert, key: other.key }, `"${other.key}" holds no private key of this certificate`],
      [{ cert: files.key, key: files.key }, `"${files.key}" holds no certificate`],
      [{ cert: join(folder, 'none'), key: files.key }, `"${join(folder, 'none')}" cannot be read`],
    ];
    for (const [pair, sentence] of sentences) {
      await expect(scene.listeners.apply(at(0, pair))).rejects.toThrow(sentence);
      await expect(scene.listeners.apply(at(port + 1, pair))).rejects.toThrow(sentence);
    }
    expect(await servedName(port, 'localhost')).toBe('first');
  });

  test('goes from HTTP to HTTPS on one port and back', async () => {
    const scene = listenersWith();
    const port = await listenSecurely(scene);
    await scene.listeners.apply({ http: [tcp('127.0.0.1', port)], https: [] });
    expect((await curl(`http://127.0.0.1:${port}/`)).stdout).toBe('pond');
    await scene.listeners.apply(at(port, files));
    expect((await curl('--insecure', `https://127.0.0.1:${port}/`)).stdout).toBe('pond');
  });
});

test('a connection that never ends its TLS handshake does not hold up the end', async () => {
  const scene = listenersWith();
  const port = await listenSecurely(scene);
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await scene.listeners.close(0);
  await closed;
});
