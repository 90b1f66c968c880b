import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { curl, listen, listenersWith, tcp } from './scene.js';

async function answers(host: string, port: number): Promise<boolean> {
  return fetch(`http://${host}:${port}/`, { headers: { connection: 'close' } }).then(
    async (answer) => (await answer.text()) === 'pond',
    () => false,
  );
}

test('HttpListeners listens on IPv6, too', async () => {
  const { listeners } = listenersWith((request, response) => response.end(request.socket.remoteAddress));
  const [url = ''] = await listeners.apply({ http: [tcp('::1', 0)], https: [] });
  expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  expect((await curl('--globoff', `${url}/`)).stdout).toBe('::1');
});

describe('HttpListeners.apply', () => {
  test.each(['', '0.0.0.0', 'localhost'])(
    'goes from an address of its own to %j on the same port and back',
    async (host) => {
      const { listeners } = listenersWith();
      const port = await listen(listeners);
      await listeners.apply({ http: [tcp(host, port)], https: [] });
      expect(await answers('localhost', port)).toBe(true);
      await listeners.apply({ http: [tcp('127.0.0.2', port)], https: [] });
      expect([await answers('127.0.0.2', port), await answers('127.0.0.1', port)]).toEqual([true, false]);
    },
  );

  test('lets requests that run on an address that goes come to their end', async () => {
    let answering: ServerResponse | undefined;
    const { listeners } = listenersWith((request, response) => {
      if (request.url === '/slow') answering = response;
      else response.end('pond');
    });
    const port = await listen(listeners);
    const slow = fetch(`http://127.0.0.1:${port}/slow`);
    await expect.poll(() => answering).toBeDefined();
    await listeners.apply({ http: [tcp('', port)], https: [] });
    expect(await answers('127.0.0.1', port)).toBe(true);
    answering?.end('at last');
    expect(await (await slow).text()).toBe('at last');
  });

  test('listens as before when one of the new addresses cannot be taken', async () => {
    const { listeners } = listenersWith();
    const port = await listen(listeners);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const taken = (other.address() as AddressInfo).port;
    const wanted = [tcp('', port), tcp('', taken)];
    await expect(listeners.apply({ http: wanted, https: [] })).rejects.toThrow(
      `cannot listen on every address, port ${taken}: another program listens there`,
    );
    expect(await answers('127.0.0.1', port)).toBe(true);
    expect(await answers('127.0.0.2', port)).toBe(false);
    expect(await listeners.apply({ http: [tcp('127.0.0.1', 0)], https: [] })).toEqual([`http://127.0.0.1:${port}`]);
  });
});

test('HttpListeners.close ends requests on addresses that went before, too', async () => {
  const { listeners } = listenersWith(() => undefined);
  const port = await listen(listeners);
  const client = connect(port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: pond\r\n\r\n'));
  await once(client, 'connect');
  client.on('error', () => undefined);
  const closed = once(client, 'close');
  await listeners.apply({ http: [tcp('127.0.0.2', port)], https: [] });
  await listeners.close(0);
  await closed;
});
