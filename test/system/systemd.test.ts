import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { MAIN, writeConfig } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

/** A port that is listened on outside of the program, with the descriptor that it inherits. */
async function openSocket(): Promise<{ port: number; descriptor: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  return { port: (server.address() as AddressInfo).port, descriptor: fd };
}

test('millpond serve takes the sockets that systemd passes by their names', async () => {
  const folder = await tempFolder();
  const listen = { http: ['systemd:http', { address: `unix:${join(folder, 'http.sock')}`, mode: '0600' }] };
  const config = await writeConfig(folder, { listen, mirrors: {} });
  const [first, second] = [await openSocket(), await openSocket()];
  // what systemd does: descriptors from 3 on, and the number of the process that they are for
  const launch = 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http:http exec "$@"';
  const program = spawn('sh', ['-c', launch, 'sh', process.execPath, MAIN, 'serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit', first.descriptor, second.descriptor],
  });
  onTestFinished(() => void program.kill('SIGKILL'));
  const [said] = (await once(program.stdio[1] as Readable, 'data')) as [Buffer];
  expect(said.toString()).toContain(
    `http://127.0.0.1:${first.port} and http://127.0.0.1:${second.port} and unix:${join(folder, 'http.sock')}`,
  );
  for (const { port } of [first, second]) expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  const ended = once(program, 'exit');
  program.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
}, 60_000);
