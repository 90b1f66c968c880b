import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { processesWithEnvironment } from '../../platform/processes.js';
import { startMillpond } from '../fixtures/command-line.js';
import { createPond, endOf, HELD_BYTES, holdRun, PATIENT, runsOf } from '../fixtures/pond.js';
import { SLOW_BYTES, startSlowDownload } from '../fixtures/slow-download.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

/** Longer than any test may take: what waits for its end fails. */
const ENDLESS_GRACE = '1h';

function answersAt(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  return once(socket, 'connect').then(
    () => socket.destroy().destroyed,
    () => false,
  );
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: nobody new is let in, a slow download gets all, the run is ended and goes on at the next start',
  async (signal) => {
    const pond = await createPond();
    const big = randomBytes(SLOW_BYTES);
    writeTree(pond.up, { 'big.iso': big });
    const program = await pond.start({ grace: ENDLESS_GRACE });
    await program.sync('pond');
    const run = await holdRun(pond, program);
    const download = await startSlowDownload(`${program.url}/pond/big.iso`);
    expect(await processesWithEnvironment('MILLPOND_CHILD_OF', program.data)).not.toEqual([]);

    const exit = program.end(signal);
    await expect.poll(() => answersAt(program.url), PATIENT).toBe(false);
    expect(await endOf(program, run.id)).toMatchObject({ outcome: 'interrupted', failure: null });
    expect((await download.finish()).equals(big)).toBe(true);
    expect(await exit).toBe(0);
    expect(program.said()).toContain('Stopping: running downloads may finish.');
    expect(await processesWithEnvironment('MILLPOND_CHILD_OF', program.data)).toEqual([]);

    pond.proxy.resume();
    const before = pond.proxy.bytesDown();
    const next = await pond.start();
    await expect.poll(async () => (await runsOf(next, 'pond'))[0]?.outcome, PATIENT).toBe('updated');
    expect(pond.proxy.bytesDown() - before).toBeLessThan(HELD_BYTES * 0.75);
    expect(await runsOf(next, 'pond')).toMatchObject([
      { outcome: 'updated', trigger: 'catch-up' },
      { id: run.id, outcome: 'interrupted' },
      { outcome: 'updated', trigger: 'manual' },
    ]);
    expect(snapshot(join(next.data, 'mirrors/pond/live'))).toEqual(snapshot(pond.up));
  },
);

test('a download that is not done when the grace is over is cut, and the program ends all the same', async () => {
  const pond = await createPond();
  writeTree(pond.up, { 'big.iso': randomBytes(SLOW_BYTES) });
  const program = await pond.start({ grace: '1s' });
  await program.sync('pond');
  const download = await startSlowDownload(`${program.url}/pond/big.iso`);
  expect(await program.end('SIGTERM')).toBe(0);
  await expect(download.finish()).rejects.toThrow();
});

test('pages that follow events, idle connections and commands that wait do not hold a stop up', async () => {
  const pond = await createPond();
  const program = await pond.start({ grace: ENDLESS_GRACE });
  await program.sync('pond');
  await holdRun(pond, program);
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const [page] = (await once(get(`${program.url}/status`, { agent }), 'response')) as [IncomingMessage];
  await once(page.resume(), 'end');
  const [events] = (await once(get(`${program.url}/api/v1/events`, { agent }), 'response')) as [IncomingMessage];
  events.resume();
  const follower = startMillpond(program.config, 'logs', 'pond', '--follow');
  const waiter = startMillpond(program.config, 'sync', 'pond', '--wait');
  await expect.poll(() => follower.stdout(), PATIENT).not.toBe('');
  await expect.poll(() => waiter.stdout(), PATIENT).toContain('waits for its turn');

  expect(await program.end('SIGTERM')).toBe(0);
  const waited = await waiter.ended;
  expect(waited.code).toBe(1);
  expect(waited.stderr).toContain('Millpond stopped telling about the run of pond before it had ended');
  await follower.ended;
});
