import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, test } from 'vitest';
import { makeCertificate } from '../fixtures/certificates.js';
import { startProgram, writeConfig, type Program } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { curl } from '../server/listening/scene.js';

const LARGE = randomBytes(3_000_000);

let folder: string;
let mirrors: object;

beforeEach(async () => {
  folder = await tempFolder();
  const upstream = join(folder, 'upstream');
  await mkdir(upstream);
  await writeFile(join(upstream, 'large'), LARGE);
  mirrors = { pond: { upstream: `${upstream}/`, schedule: 'manual' } };
});

async function listenSettings(name: string, more: object = {}) {
  const { cert, key } = await makeCertificate(folder, name);
  const https = { address: '127.0.0.1:0', cert, key, hsts: '1d', ...more };
  return { listen: { http: ['127.0.0.1:0', `unix:${join(folder, 'http.sock')}`], https } };
}

function httpsUrl(program: Program): string {
  return /https:\/\/[\d.:]+/.exec(program.said())?.[0] ?? '';
}

test.each([0, 2])(
  'millpond serve with %i workers gives the same files, pages and registry over HTTPS and a Unix socket, and takes a new certificate at a reload',
  async (workers) => {
    const program = await startProgram(folder, mirrors, {}, { workers, ...(await listenSettings('first')) });
    await program.sync('pond');
    const url = httpsUrl(program);
    const [secure, local] = [join(folder, 'secure'), join(folder, 'local')];
    const headers = await curl('--insecure', '--dump-header', '-', '--output', secure, `${url}/pond/large`);
    expect(headers.stdout).toMatch(/^HTTP\/1\.1 200 [^]*Strict-Transport-Security: max-age=86400\r\n/);
    await curl('--unix-socket', join(folder, 'http.sock'), '--output', local, 'http://pond/pond/large');
    for (const file of [secure, local]) expect((await readFile(file)).equals(LARGE), file).toBe(true);
    for (const path of ['/', '/pond/', '/status', '/v2/', '/pond/none']) {
      const { stdout } = await curl('--insecure', '--include', `${url}${path}`);
      expect(stdout, path).toMatch(/^HTTP\/1\.1 \d+ [^]*Strict-Transport-Security: max-age=86400\r\n/);
    }
    const plain = await curl('--include', `${program.url}/pond/large`, '--range', '0-1');
    expect(plain.stdout).toMatch(/^HTTP\/1\.1 206 /);
    expect(plain.stdout).not.toMatch(/strict-transport/i);

    await writeConfig(folder, { mirrors, workers, ...(await listenSettings('second')) });
    expect(await program.control('POST', '/reload')).toEqual({ changed: ['listen.https'] });
    const shown = await curl('--insecure', '--verbose', `${url}/readyz`);
    expect(shown.stderr).toContain('CN=second');
  },
  60_000,
);

test.each([0, 2])(
  'millpond serve with %i workers finds the zone of a client by the PROXY protocol',
  async (workers) => {
    const path = join(folder, 'proxied.sock');
    const program = await startProgram(
      folder,
      mirrors,
      {},
      {
        workers,
        listen: { http: ['127.0.0.1:0', { address: `unix:${path}`, proxy_protocol: true }] },
        proxies: { trusted: 'unix:' },
        zones: { near: { networks: '203.0.113.0/24' } },
      },
    );
    const socket = connect(path);
    socket.write(
      'PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\nHost: pond\r\nConnection: close\r\n\r\n',
    );
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
    const metrics = await curl(`${program.url}/metrics`);
    expect(metrics.stdout).toMatch(/requests_total\{.*zone="near".* 1\n/);
  },
  60_000,
);
