import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { command, startCommand } from './scene.js';

const run = promisify(execFile);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function config(upstream: string): string {
  return `
data: ./the data
listen: { http: "127.0.0.1:0" }
sync: { jitter: 0s, reserve: 1MB }
mirrors:
  pond: { upstream: "${upstream}", schedule: manual, stages: apt }
`;
}

describe('millpond quickstart', () => {
  it('serves a signed repository that apt accepts, and stops all of it', async () => {
    const cwd = await tempFolder();
    const port = await freePort();
    await writeFile(join(cwd, 'quick.yaml'), config(`rsync://127.0.0.1:${port}/pond/`));
    const quickstart = startCommand(['quickstart', '--config', 'quick.yaml', '--json'], { cwd });
    await quickstart.stdout.holds('\n');
    const said = JSON.parse(quickstart.stdout.text) as { mirror: string; aptConfiguration: string };
    expect(said.mirror).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/pond\/$/);
    const synced = await command(['sync', 'pond', '--wait', '--config', 'quick.yaml'], { cwd });
    expect(synced).toMatchObject({ code: 0, stdout: expect.stringContaining('updated') as string });
    const env = { ...process.env, APT_CONFIG: said.aptConfiguration, LC_ALL: 'C' };
    const updated = await run('apt-get', ['update'], { env });
    expect(`${updated.stdout}${updated.stderr}`).not.toMatch(/^[EW]:/m);
    await run('apt-get', ['download', 'millpond-hello'], { env, cwd });
    quickstart.signals.emit('SIGTERM', 'SIGTERM');
    expect(await quickstart.ended).toBe(0);
    await expect(run('rsync', [`rsync://127.0.0.1:${port}/`])).rejects.toMatchObject({ code: 10 });
  });

  it.each(['rsync://ftp.example.org/debian/', 'rsync://127.0.0.1/pond/below/', './tree/'])(
    'refuses to play the upstream %s',
    async (upstream) => {
      const cwd = await tempFolder();
      await writeFile(join(cwd, 'quick.yaml'), config(upstream));
      const { code, stderr } = await command(['quickstart', '--config', 'quick.yaml'], { cwd });
      expect(code).toBe(1);
      expect(stderr).toContain('is not one for the quick start\nIts upstream must be like rsync://127.0.0.1');
    },
  );
});
