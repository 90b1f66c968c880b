import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRsyncDaemon } from '../../../cli/quickstart/daemon.js';
import { DAEMON_MARK } from '../../../cli/quickstart/left-overs.js';
import { processesWithEnvironment } from '../../../platform/processes.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const run = promisify(execFile);

describe('startRsyncDaemon', () => {
  it('exports the folder and ends with everything that it started', async () => {
    const { folder, runFolder } = await exportedFolder();
    const daemon = await startRsyncDaemon({ folder, runFolder, module: 'pond', host: '127.0.0.1', port: 0 });
    await run('rsync', ['-a', `rsync://127.0.0.1:${daemon.port}/pond/`, join(runFolder, 'copy')]);
    expect(await readFile(join(runFolder, 'copy', 'hello'), 'utf8')).toBe('hello');
    const { stdout } = await run('rsync', [`rsync://127.0.0.1:${daemon.port}/`]);
    expect(stdout).toMatch(/^pond\s+Quick start of Millpond$/m);
    await daemon.stop();
    expect(await processesWithEnvironment(DAEMON_MARK, runFolder)).toEqual([]);
  });

  it('says which port is taken', async () => {
    const { folder, runFolder } = await exportedFolder();
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const start = startRsyncDaemon({ folder, runFolder, module: 'pond', host: '127.0.0.1', port });
    await expect(start).rejects.toMatchObject({
      code: 'conflict',
      message: `the port 127.0.0.1:${port} for the rsync daemon is taken by another program`,
    });
  });

  it('refuses a path that rsyncd.conf cannot hold', async () => {
    const { folder, runFolder } = await exportedFolder();
    const start = startRsyncDaemon({ folder: `${folder}\nx`, runFolder, module: 'pond', host: '127.0.0.1', port: 0 });
    await expect(start).rejects.toMatchObject({ code: 'invalid' });
  });

  it('refuses while a daemon for the same folder has its owner', async () => {
    const { folder, runFolder } = await exportedFolder();
    const options = { folder, runFolder, module: 'pond', host: '127.0.0.1', port: 0 };
    const daemon = await startRsyncDaemon(options);
    onTestFinished(() => daemon.stop());
    await expect(startRsyncDaemon(options)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('ends a daemon whose program was killed, and takes its port', async () => {
    const { folder, runFolder } = await exportedFolder();
    const module = new URL('../../../dist/cli/quickstart/daemon.js', import.meta.url).href;
    const options = { folder, runFolder, module: 'pond', host: '127.0.0.1', port: 0 };
    const script = `const { startRsyncDaemon } = await import(${JSON.stringify(module)});
      console.log((await startRsyncDaemon(${JSON.stringify(options)})).port);
      setInterval(() => undefined, 1000);`;
    const program = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [printed] = (await once(program.stdout, 'data')) as [Buffer];
    program.kill('SIGKILL');
    await once(program, 'close');
    await expect.poll(() => processesWithEnvironment(DAEMON_MARK, runFolder)).toHaveLength(1);
    const port = Number(printed.toString());
    const daemon = await startRsyncDaemon({ ...options, port });
    expect(daemon.port).toBe(port);
    // the first connection, which only looked, may still have its process
    await expect.poll(() => processesWithEnvironment(DAEMON_MARK, runFolder)).toHaveLength(1);
    await daemon.stop();
  });
});

async function exportedFolder(): Promise<{ folder: string; runFolder: string }> {
  const folder = await tempFolder();
  await writeFile(join(folder, 'hello'), 'hello');
  return { folder, runFolder: await tempFolder() };
}
