import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { passOnTo } from '../../../server/workers/pass-on.js';
import { takePeerField } from '../../../server/workers/peer-field.js';
import { peerAddress } from '../../../server/peer-address.js';

async function listening(server: Server, where: string | number): Promise<Server> {
  await once(typeof where === 'string' ? server.listen(where) : server.listen(where, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

/** What a client is answered by `main` through a worker. */
async function askThrough(main: RequestListener, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-door-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const door = join(folder, 'door.sock');
  await listening(createServer(main), door);
  const passOn = passOnTo(door, { warn: () => undefined });
  const worker = await listening(
    createServer((request, response) => passOn(request, response)),
    0,
  );
  const { port } = worker.address() as AddressInfo;
  const [answer] = (await once(get({ port, host: '127.0.0.1', agent: false, headers }), 'response')) as [
    IncomingMessage,
  ];
  return answer.resume();
}

describe('passOnTo', () => {
  test.each([
    [true, 'keep-alive'],
    [false, 'close'],
  ])('keeps the connection of a client as the main process wants: %s', async (shouldKeepAlive, connection) => {
    const answer = await askThrough(
      (_request, response) => {
        response.shouldKeepAlive = shouldKeepAlive;
        response.end();
      },
      { Connection: 'keep-alive' },
    );
    expect(answer.headers.connection).toBe(connection);
  });

  test('tells whose the request is, whatever the client says of itself', async () => {
    const answer = await askThrough(
      (request, response) => {
        const denial = takePeerField(request);
        response.setHeader('X-Peer', `${peerAddress(request.socket).address} ${denial?.rule}`).end();
      },
      { 'Millpond-Peer': '{"address":"192.0.2.1","isSecure":true,"denial":{"rule":"mine"}}' },
    );
    expect(answer.headers['x-peer']).toBe('127.0.0.1 undefined');
  });
});
