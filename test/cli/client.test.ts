import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ControlClient } from '../../cli/client.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const NOBODY = 65534;

async function clientOf(listener?: RequestListener, timeoutMs?: number): Promise<ControlClient> {
  const dataFolder = await tempFolder();
  const socketPath = join(dataFolder, 'control.sock');
  if (listener) {
    const server = createServer(listener).listen(socketPath);
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  return new ControlClient({ socketPath, dataFolder }, timeoutMs);
}

/** Calls `work` as a user who owns nothing, when we are root. */
async function asOtherUser<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

describe('ControlClient', () => {
  it('says that Millpond is not running, and for which data folder', async () => {
    const client = await clientOf();
    await expect(client.status()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^Millpond is not running for the data folder "\/.+"$/) as string,
      hint: expect.stringContaining('millpond serve') as string,
    });
  });

  it('says so as well when a killed program left its socket', async () => {
    const dataFolder = await tempFolder();
    const socketPath = join(dataFolder, 'control.sock');
    await writeFile(socketPath, '');
    await expect(new ControlClient({ socketPath, dataFolder }).status()).rejects.toThrow('is not running');
  });

  it('says that another user runs Millpond', async () => {
    const folder = await tempFolder();
    const isRoot = process.geteuid?.() === 0;
    await mkdir(join(folder, 'run'), { mode: isRoot ? 0o700 : 0o000 });
    const client = new ControlClient({ socketPath: join(folder, 'run', 'control.sock'), dataFolder: folder });
    const error = await asOtherUser(() => client.status().catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ code: 'refused', hint: 'Run this command as the user that runs Millpond.' });
  });

  it('says that the program does not answer', async () => {
    const client = await clientOf(() => undefined, 50);
    await expect(client.reload()).rejects.toThrow('Millpond did not answer within 0.05 s');
  });

  it('says that something else answers', async () => {
    const client = await clientOf((_req, res) => res.writeHead(500).end('<html>'));
    await expect(client.status()).rejects.toThrow('is not this Millpond');
  });

  it('says that the program ended in the middle of an answer', async () => {
    const client = await clientOf((_req, res) => {
      res.writeHead(200).write('{"ver');
      setTimeout(() => res.destroy(), 20);
    });
    await expect(client.status()).rejects.toThrow('Millpond ended before it had answered');
  });

  it('throws what the program answered', async () => {
    const problem = { code: 'conflict', detail: 'debian is paused', hint: 'Resume it.' };
    const client = await clientOf((_req, res) => res.writeHead(409).end(JSON.stringify(problem)));
    await expect(client.sync('debian', { force: false })).rejects.toMatchObject({
      code: 'conflict',
      message: 'debian is paused',
      hint: 'Resume it.',
    });
  });

  it('keeps a name from reaching another path', async () => {
    let asked = '';
    const client = await clientOf((req, res) => {
      asked = `${req.method} ${req.url}`;
      res.end('{"cancelled":[]}');
    });
    await client.cancel('a/b?c');
    expect(asked).toBe('POST /mirrors/a%2Fb%3Fc/cancel');
  });
});
