import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { freePort } from '../fixtures/free-port.js';
import { createPond, PATIENT, type Pond } from '../fixtures/pond.js';
import type { Program } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

const BIG_BYTES = 3_000_000;

/** The first nginx site that a document prints, without TLS, on a port of loopback and in front of `program`. */
function siteOf(document: string, port: number, program: Program): string {
  const text = readFileSync(join(PACKAGE_ROOT, document), 'utf8');
  const site = /```nginx\n([^]*?)```/.exec(text)?.[1] ?? '';
  expect(site).toContain('listen 443 ssl;');
  return site
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replace(/^ *(?:ssl_\w+|listen \[::\]:443) .*\n/gm, '')
    .replace('http://127.0.0.1:8080', program.url);
}

/** A real nginx that serves `site` and all of whose files are in a folder of its own; it ends with the test. */
async function startNginx(site: string, port: number): Promise<string> {
  const folder = await tempFolder();
  await mkdir(join(folder, 'temp'));
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/temp/${kind};`,
  );
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; pid ${folder}/pid; error_log stderr warn; worker_processes 1; events {}
     http { access_log off; ${temp.join(' ')}
     ${site} }`,
  );
  const child = spawn('nginx', ['-c', config, '-p', folder, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  });
  await expect.poll(() => isOpen(port), { ...PATIENT, message: said }).toBe(true);
  return `http://127.0.0.1:${port}`;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function behindNginx(document: string): Promise<{ pond: Pond; program: Program; big: Buffer; url: string }> {
  const pond = await createPond();
  const big = randomBytes(BIG_BYTES);
  writeTree(pond.up, { 'pool/big.iso': big });
  const program = await pond.start();
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  const port = await freePort();
  return { pond, program, big, url: await startNginx(siteOf(document, port, program), port) };
}

/** Follows the events of one mirror; `text()` is what has come so far. */
async function follow(url: string): Promise<{ answer: IncomingMessage; text(): string }> {
  const asked = request(`${url}/api/v1/events?mirror=pond`, { agent: false }).end();
  onTestFinished(() => void asked.destroy());
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  answer.on('error', () => undefined); // it is cut at the end of the test
  return { answer, text: () => text };
}

test.each(['docs/operations.md', 'README.md'])(
  'the nginx site of %s hands on pages, listings, files, ranges and redirects as they are',
  async (document) => {
    const { big, url, program } = await behindNginx(document);
    for (const path of ['/', '/status', '/status/pond', '/pond/', '/pond/pool/', '/pond/nothing']) {
      const headers = { accept: 'text/html' };
      const [through, direct] = await Promise.all([
        fetch(`${url}${path}`, { headers }),
        fetch(`${program.url}${path}`, { headers }),
      ]);
      expect([path, through.status]).toEqual([path, direct.status]);
      for (const field of ['content-type', 'content-security-policy', 'cache-control', 'vary'])
        expect(through.headers.get(field), `${field} of ${path}`).toBe(direct.headers.get(field));
      expect(await through.text()).toContain('pond');
    }
    const file = await fetch(`${url}/pond/pool/big.iso`);
    expect(Buffer.from(await file.arrayBuffer()).equals(big)).toBe(true);
    const etag = file.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"/); // strong still, so that ranges can be put together
    const again = await fetch(`${url}/pond/pool/big.iso`, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
    const part = await fetch(`${url}/pond/pool/big.iso`, { headers: { range: 'bytes=1000000-', 'if-range': etag } });
    expect([part.status, part.headers.get('content-range')]).toEqual([
      206,
      `bytes 1000000-${BIG_BYTES - 1}/${BIG_BYTES}`,
    ]);
    expect(Buffer.from(await part.arrayBuffer()).equals(big.subarray(1_000_000))).toBe(true);
    const moved = await fetch(`${url}/pond/pool`, { redirect: 'manual' });
    expect([moved.status, moved.headers.get('location')]).toEqual([301, '/pond/pool/']);
  },
);

test('events come through nginx while they happen', async () => {
  const { pond, program, url } = await behindNginx('docs/operations.md');
  const { answer, text } = await follow(url);
  expect(answer.headers['content-type']).toMatch(/^text\/event-stream/);
  await expect.poll(text, PATIENT).toContain('retry: 5000');
  writeTree(pond.up, { more: 'more' });
  await program.sync('pond');
  await expect.poll(text, PATIENT).toContain('event: run.ended');
  expect(answer.complete).toBe(false); // the answer goes on: nothing waited for its end
  expect(await program.end('SIGTERM')).toBe(0);
  await expect.poll(() => answer.complete, PATIENT).toBe(true);
});
