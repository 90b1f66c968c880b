import { once } from 'node:events';
import { Agent, get, request, type IncomingMessage } from 'node:http';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { WorkerStatus } from '../../server/workers/pool.js';
import { expectRefusal, runMillpond } from '../fixtures/command-line.js';
import { createPond, PATIENT, read, type Pond } from '../fixtures/pond.js';
import { writeConfig, type Program } from '../fixtures/program.js';
import { SLOW_BYTES, startSlowDownload } from '../fixtures/slow-download.js';
import { writeTree } from '../fixtures/tree.js';

/** A mirror that is published and served by two workers. */
async function startServing(
  files: Record<string, string | Buffer> = {},
  more: object = {},
): Promise<{ pond: Pond; program: Program }> {
  const pond = await createPond();
  writeTree(pond.up, { VERSION: '0', ...files });
  const program = await pond.start({ workers: 2, ...more });
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  return { pond, program };
}

async function workersOf(program: Program, state: WorkerStatus['state'] = 'serving'): Promise<number[]> {
  const { workers } = await program.control<{ workers: WorkerStatus[] }>('GET', '/status');
  return workers.filter((worker) => worker.state === state).map(({ pid }) => pid);
}

/** Asks on as many new connections: each worker gets its turn. */
async function readOften(url: string, times = 6): Promise<Set<string>> {
  const answers = await Promise.all(Array.from({ length: times }, () => read(url)));
  return new Set(answers.map(({ status, text }) => `${status} ${text}`));
}

describe('workers', () => {
  test('serve trees, and pages as the main process does', async () => {
    const { program } = await startServing();
    expect((await workersOf(program)).length).toBe(2);
    expect(await readOften(`${program.url}/pond/VERSION`)).toEqual(new Set(['200 0']));
    for (const path of ['/', '/status', '/pond/', '/healthz'])
      expect((await read(program.url + path)).status).toBe(200);
    for (const path of ['/pond/none', '/none', '/v2/none/manifests/1'])
      expect((await read(program.url + path)).status).toBe(404);
    const post = request(`${program.url}/status`, { method: 'POST', agent: false });
    post.end('x'.repeat(100_000));
    const [answer] = (await once(post, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(405);
  });

  test('serve what a run has published when it is recorded, on whichever connection', async () => {
    const { pond, program } = await startServing();
    const agent = new Agent({ keepAlive: true });
    for (let version = 1; version <= 4; version++) {
      writeTree(pond.up, { VERSION: String(version) });
      expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
      expect(await readOften(`${program.url}/pond/VERSION`, 10)).toEqual(new Set([`200 ${version}`]));
      expect(await readKept(`${program.url}/pond/VERSION`, agent)).toBe(String(version));
    }
    await program.control('POST', '/mirrors/pond/rollback');
    expect(await readOften(`${program.url}/pond/VERSION`, 10)).toEqual(new Set(['200 3']));
    agent.destroy();
  });

  test('are replaced when they are killed; the others go on', async () => {
    const { program } = await startServing({ 'big.iso': randomBytes(SLOW_BYTES) });
    const before = await workersOf(program);
    const downloads = [0, 1].map(() => startSlowDownload(`${program.url}/pond/big.iso`));
    const slow = await Promise.all(downloads);
    process.kill(before[0] ?? 0, 'SIGKILL');
    const ends = await Promise.allSettled(slow.map((download) => download.finish()));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect.poll(async () => (await workersOf(program)).length, PATIENT).toBe(2);
    expect(await workersOf(program)).toContain(before[1]);
    expect(await workersOf(program)).not.toContain(before[0]);
    expect(await readOften(`${program.url}/pond/VERSION`)).toEqual(new Set(['200 0']));
    expect(program.said()).toContain('a worker has died and is replaced');
    expect(await program.end('SIGTERM')).toBe(0);
  });

  test('end with the main process, also when that is killed', async () => {
    const { program } = await startServing();
    const pids = await workersOf(program);
    await program.end('SIGKILL');
    await expect.poll(() => pids.filter(isAlive), PATIENT).toEqual([]);
  });

  test('let downloads finish when the program is stopped, for as long as they may', async () => {
    const big = randomBytes(SLOW_BYTES);
    const { program } = await startServing({ 'big.iso': big }, { grace: '1m' });
    const pids = await workersOf(program);
    const download = await startSlowDownload(`${program.url}/pond/big.iso`);
    const end = program.end('SIGTERM');
    await expect.poll(() => read(`${program.url}/`).catch(() => 'refused'), PATIENT).toBe('refused');
    expect((await download.finish()).equals(big)).toBe(true);
    expect(await end).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('count what they serve', async () => {
    const { program } = await startServing();
    await readOften(`${program.url}/pond/VERSION`, 8);
    const line = 'mirror_served_bytes_total{repo="pond",class="2xx"} 8';
    await expect.poll(async () => (await read(`${program.url}/metrics`)).text, PATIENT).toContain(line);
  });
});

describe('limits of zones with workers', () => {
  test('are those of one client on whichever connection, and the main process tells of them', async () => {
    const zones = { public: { client: { connections: 3 } } };
    const { program } = await startServing({ 'big.iso': randomBytes(SLOW_BYTES) }, { zones });
    const url = `${program.url}/pond/big.iso`;
    const slow = await Promise.all([1, 2, 3].map(() => startSlowDownload(url)));
    const refused = await read(url);
    expect(refused.status).toBe(429);
    expect(refused.text).toContain('zones.public.client.connections');
    await slow.shift()?.finish();
    const check = async (): Promise<string> => (await read(`${program.url}/check.txt`)).text;
    await expect.poll(check, PATIENT).toContain('Connections for you: 3, 3 in use');
    await Promise.all(slow.map((download) => download.finish()));
    await expect.poll(async () => (await read(url)).status, PATIENT).toBe(200);
    const refusals = 'mirror_refused_total{rule="connections",zone="public"}';
    await expect.poll(async () => (await read(`${program.url}/metrics`)).text, PATIENT).toContain(refusals);
  });

  test('hold for all workers together', async () => {
    const [rate, large] = [4_000_000, 40_000_000];
    const { program } = await startServing({ 'big.iso': randomBytes(large) }, { zones: { public: { rate: '4MB/s' } } });
    let bytes = 0;
    const asked = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const request = get(`${program.url}/pond/big.iso`, { agent: false });
        const [answer] = (await once(request, 'response')) as [IncomingMessage];
        answer.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('error', () => undefined);
        return request;
      }),
    );
    await expect.poll(() => bytes, PATIENT).toBeGreaterThan(rate); // what they may begin with has left
    const [before, since] = [bytes, performance.now()];
    await expect.poll(() => bytes - before, PATIENT).toBeGreaterThan(5 * rate);
    // a slow machine is slower, never faster
    expect((bytes - before) / ((performance.now() - since) / 1000)).toBeLessThan(rate * 1.05);
    for (const request of asked) request.destroy();
  });
});

describe('millpond restart-workers', () => {
  test('refuses no connection and cuts no download', async () => {
    const big = randomBytes(SLOW_BYTES);
    const { program } = await startServing({ 'big.iso': big });
    const before = await workersOf(program);
    const download = await startSlowDownload(`${program.url}/pond/big.iso`);
    let isOver = false;
    const agent = new Agent({ keepAlive: true });
    const asking = [
      askOn(async () => (await read(`${program.url}/pond/VERSION`)).text),
      askOn(() => readKept(`${program.url}/pond/VERSION`, agent)),
    ];
    async function askOn(ask: () => Promise<string>): Promise<Set<string>> {
      const answers = new Set<string>();
      while (!isOver) answers.add(await ask());
      return answers;
    }

    const { code, stdout } = await runMillpond(program.config, 'restart-workers');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Restarted 2 workers.\n' });
    const after = await workersOf(program);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    await expect.poll(() => workersOf(program, 'leaving'), PATIENT).toHaveLength(1);
    isOver = true;
    expect(await Promise.all(asking)).toEqual([new Set(['0']), new Set(['0'])]);
    agent.destroy();

    expect((await download.finish()).equals(big)).toBe(true);
    await expect.poll(() => before.filter(isAlive), PATIENT).toEqual([]);
    expect(await program.end('SIGTERM')).toBe(0);
  });

  test('says so where there are none', async () => {
    const pond = await createPond();
    const program = await pond.start();
    expectRefusal(await runMillpond(program.config, 'restart-workers'), 'there are no workers');
  });
});

describe('a reload', () => {
  test('changes their number and their settings, and keeps those that stay', async () => {
    const { pond, program } = await startServing();
    const before = await workersOf(program);
    await writeConfig(pond.home, { mirrors: { pond: pond.mirror }, workers: 3 });
    await runMillpond(program.config, 'reload');
    await expect.poll(async () => (await workersOf(program)).length, PATIENT).toBe(3);
    expect(await workersOf(program)).toEqual(expect.arrayContaining(before));
    await writeConfig(pond.home, { mirrors: {}, workers: 1 });
    await runMillpond(program.config, 'reload');
    await expect.poll(async () => (await workersOf(program)).length, PATIENT).toBe(1);
    expect((await read(`${program.url}/pond/VERSION`)).status).toBe(404);
    await writeConfig(pond.home, { mirrors: {}, workers: 0 });
    expectRefusal(await runMillpond(program.config, 'reload'), 'workers: 1 cannot become 0');
  });
});

async function readKept(url: string, agent: Agent): Promise<string> {
  const asked = get(url, { agent });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk as string;
  return text;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
