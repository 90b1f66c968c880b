import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { MAIN, writeConfig } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

/** Of the public internet; only this test has it, in a network of its own. */
const ADDRESS = '11.0.0.1';
const PRIVATE = '127.0.0.1:8000';
const LISTEN = '127.0.0.1:8080';
const SERVER = join(PACKAGE_ROOT, 'test/fixtures/redirecting-registry.mjs');

/** A process that ends with the test, and what it has said so far. */
function start(command: string, args: readonly string[]): { child: ChildProcess; said: () => string } {
  const child = spawn(command, args, {
    env: { ...process.env, MILLPOND_LOG: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (said += part.toString()));
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, said: () => said };
}

test.each([
  ['is refused', false],
  ['is followed where private addresses are allowed', true],
])('a redirect of a public registry to a private address %s', async (_, private_addresses) => {
  const network = `ip link set lo up && ip address add ${ADDRESS}/32 dev lo`;
  const serve = `${network} && exec "$0" "$1" ${ADDRESS} ${PRIVATE}`;
  const upstream = start('unshare', ['--net', 'sh', '-c', serve, process.execPath, SERVER]);
  await expect.poll(upstream.said).toContain('ready');
  // `unshare` and `sh` have become the server: its network is the one to go into
  const inside = ['--net', '--target', String(upstream.child.pid)];
  const config = await writeConfig(await tempFolder(), {
    mirrors: {},
    listen: { http: LISTEN },
    registries: {
      'up.test': { url: `http://${ADDRESS}`, private_addresses, on_demand: { allow: ['**'], keep: '1GB' } },
    },
  });
  const program = start('nsenter', [...inside, process.execPath, MAIN, 'serve', '--config', config]);
  await expect.poll(program.said).toContain(`http://${LISTEN}`);

  const get = async (path: string): Promise<{ status: number; body: string }> => {
    const url = `http://${LISTEN}/v2/up.test/library/pond/${path}`;
    const curl = [...inside, 'curl', '-q', '-sS', '--noproxy', '*', '-w', '\n%{http_code}', url];
    const lines = (await promisify(execFile)('nsenter', curl)).stdout.trimEnd().split('\n');
    return { status: Number(lines.pop()), body: lines.join('\n') };
  };
  for (const path of ['manifests/1', `blobs/sha256:${'0'.repeat(64)}`]) {
    const { status, body } = await get(path);
    // that a stranger does not have it says nothing about the registry
    expect([403, 503], `${path}: ${body}`).toContain(status);
    expect(body.includes('leads to a storage that does not have'), body).toBe(private_addresses);
  }
  expect(upstream.said()).toContain('request');
  expect(upstream.said().includes('connection')).toBe(private_addresses);
});
