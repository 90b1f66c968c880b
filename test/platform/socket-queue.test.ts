import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { queuedInKernel } from '../../platform/socket-queue.js';

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::', '127.0.0.1'],
  ['::1', '::1'],
])('tells what waits for a client, listening on %s, client at %s', async (host, target) => {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, target);
  const [socket] = (await accepted) as [Socket];
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  client.pause();
  socket.write(Buffer.alloc(32 * 1024 * 1024));
  await expect.poll(() => queuedInKernel(socket), { timeout: 5000 }).toBeGreaterThan(0);
  client.resume();
  await expect.poll(() => queuedInKernel(socket), { timeout: 15_000 }).toBe(0);
  socket.destroy();
  expect(await queuedInKernel(socket)).toBeUndefined();
});
