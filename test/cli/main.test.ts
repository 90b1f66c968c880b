import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const MAIN = join(PACKAGE_ROOT, 'dist', 'cli', 'main.js');

interface Started {
  readonly child: ChildProcess;
  output(): string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
}

function start(args: readonly string[], cwd: string): Started {
  const env = { ...process.env, MILLPOND_LOG: 'silent', MILLPOND_CONFIG: '' };
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output, ended: once(child, 'close').then(([code]) => code as number | null) };
}

async function run(args: readonly string[], cwd: string): Promise<{ code: number | null; output: string }> {
  const { output, ended } = start(args, cwd);
  const code = await ended;
  return { code, output: output() };
}

async function folderWithConfig(): Promise<{ cwd: string; write(extra: string): Promise<void> }> {
  const cwd = await tempFolder();
  const write = (extra: string): Promise<void> =>
    writeFile(
      join(cwd, 'millpond.yaml'),
      `data: ./data\nlisten: { http: "127.0.0.1:0" }\nmirrors:\n  pond: { upstream: ./tree/, schedule: manual }\n${extra}`,
    );
  await write('');
  return { cwd, write };
}

describe('main', () => {
  it('prints one sentence and a hint, and exits with 1', async () => {
    const { code, output } = await run(['status'], await tempFolder());
    expect(code).toBe(1);
    expect(output).toMatch(/^error: no configuration was found: .+\nName one with .+\n$/);
  });

  it('ends quietly when its reader has gone', async () => {
    const { child, output, ended } = start(['schema'], await tempFolder());
    child.stdout?.destroy();
    await ended;
    expect(output()).not.toContain('EPIPE');
  });

  it('serves until SIGTERM, reloads at SIGHUP and answers the other verbs', async () => {
    const { cwd, write } = await folderWithConfig();
    const serve = start(['serve'], cwd);
    await expect.poll(serve.output).toMatch(/Millpond serves http:\/\/127\.0\.0\.1:\d+/);
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(serve.output())?.[0] ?? '';
    expect((await fetch(`${address}/healthz`)).status).toBe(200);
    expect(await run(['status'], cwd)).toMatchObject({ code: 0, output: expect.stringContaining('pond') as string });
    expect((await run(['sync', 'pond', '--wait'], cwd)).code).toBe(1); // there is no ./tree/
    await write('sync: { jitter: 7s }\n');
    serve.child.kill('SIGHUP');
    await expect.poll(serve.output).toContain('Reloaded: changed sync.jitter.');
    const second = await run(['serve'], cwd);
    expect(second).toMatchObject({ code: 1, output: expect.stringContaining('another Millpond') as string });
    serve.child.kill('SIGTERM');
    expect(await serve.ended).toBe(0);
    expect((await run(['status'], cwd)).output).toContain('error: Millpond is not running for the data folder');
  });
});
