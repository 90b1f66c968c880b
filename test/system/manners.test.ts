import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Run } from '../../core/run.js';
import type { MirrorStatus } from '../../server/mirror-status.js';
import { writeList } from '../fixtures/file-list.js';
import { createPond, PATIENT, read, runsOf } from '../fixtures/pond.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const LIST = 'fullfiletimelist-pond';
const KILLS = 8;

test('a heartbeat is served by every worker as soon as its run is recorded, with a tag of its own', async () => {
  const pond = await createPond({ mirror: { marker: { path: 'lastupdate', parser: 'epoch' }, heartbeat: 'lastsync' } });
  writeTree(pond.up, { lastupdate: '100', lastsync: '100' });
  const program = await pond.start({ workers: 2 });
  await program.sync('pond');
  const url = `${program.url}/pond/lastsync`;
  const often = async (): Promise<Set<string>> => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => fetch(url, { headers: { connection: 'close' } })),
    );
    return new Set(
      await Promise.all(answers.map(async (answer) => `${answer.headers.get('etag')} ${await answer.text()}`)),
    );
  };
  const tags = new Set<string>();
  for (const value of ['100', '101', '102']) {
    writeTree(pond.up, { lastsync: value });
    if (value !== '100') expect(await program.sync('pond')).toMatchObject({ outcome: 'unchanged' });
    const seen = [...(await often())];
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(new RegExp(` ${value}$`));
    tags.add(seen[0]?.split(' ')[0] ?? '');
  }
  expect(tags.size).toBe(3);
});

test('markers are read between runs, and the status tells how far the mirror is behind', async () => {
  const origin = { url: 'http://127.0.0.1:1/', every: '1m' };
  const pond = await createPond({ mirror: { marker: { path: 'stamp', parser: 'epoch' }, origin } });
  const stamp = Math.floor(Date.now() / 1000) - 600;
  writeTree(pond.up, { stamp: String(stamp) });
  const program = await pond.start();
  await program.sync('pond');
  writeTree(pond.up, { stamp: String(stamp + 300) });
  // each reload draws the time of the next look anew, and takes the sooner one
  const status = async (): Promise<MirrorStatus> => {
    await program.control('POST', '/reload');
    return program.control<MirrorStatus>('GET', '/status/pond');
  };
  await expect.poll(async () => (await status()).upstream.origin?.failedSince ?? null, PATIENT).not.toBeNull();
  const { upstream } = await status();
  expect(upstream.direct).toMatchObject({ value: String(stamp + 300), time: (stamp + 300) * 1000, failedSince: null });
  expect(upstream.updatesBehind).toBe(1);
  expect(upstream.lagSeconds).toBeGreaterThanOrEqual(300);
  expect(await runsOf(program, 'pond')).toHaveLength(1);
});

test('a list of files and traces hold through kill -9 at any moment', async () => {
  const trace = { kind: 'debian', host: 'mirror.example.edu' };
  const pond = await createPond({ mirror: { file_list: LIST, trace } });
  const seen = new Set<string>();
  for (let round = 0; round <= KILLS; round++) {
    writeTree(pond.up, { [`new/${round}`]: randomBytes(20_000), 'big.iso': randomBytes(2_000_000) });
    if (round > 2) rmSync(join(pond.up, `new/${round - 2}`));
    writeList(pond.up, LIST);
    const program = await pond.start();
    const run = await program.trigger('pond').catch(() => null);
    await delay(60 * round);
    if (round < KILLS) {
      seen.add((await runsOf(program, 'pond'))[0]?.phase ?? '');
      await program.end('SIGKILL');
      continue;
    }
    expect(run).not.toBeNull();
    let last: Run | undefined;
    await expect.poll(async () => (last = (await runsOf(program, 'pond'))[0])?.phase, PATIENT).toBe('ended');
    if (last?.outcome !== 'updated') await program.sync('pond');
    const live = join(program.data, 'mirrors/pond/live');
    const { ['project/trace/mirror.example.edu']: ours, ...others } = snapshot(live);
    expect(ours).toBeDefined();
    for (const name of ['_hierarchy', '_hierarchy.mirror', '_traces']) delete others[`project/trace/${name}`];
    expect(others).toEqual(snapshot(pond.up));
    expect(readFileSync(join(live, 'project/trace/_traces'), 'utf8')).toBe('mirror.example.edu\n');
    expect(readdirSync(join(live)).filter((name) => name.startsWith('.'))).toEqual([]);
    expect((await read(`${program.url}/pond/big.iso`)).status).toBe(200);
  }
  expect(seen.size).toBeGreaterThan(1);
}, 180_000);
