import { readdirSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { Crowd } from '../../bench/crowd.js';
import { createPond, PATIENT } from '../fixtures/pond.js';
import { writeTree } from '../fixtures/tree.js';

const SMALL = randomBytes(4_096);
const BIG = randomBytes(32 * 1024 * 1024);
const REQUESTS = 500;

/** `npm run bench -- serve --only crowd` measures it with 12,000. */
test('slow clients and idle connections are held, others are served beside them, and nothing is left when they go', async () => {
  const pond = await createPond();
  writeTree(pond.up, { small: SMALL, 'big.iso': BIG });
  const program = await pond.start();
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  const descriptors = (): number => readdirSync(`/proc/${program.pid}/fd`).length;
  const server = { name: 'millpond', url: `${program.url}/pond/` };
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  onTestFinished(() => agent.destroy());
  expect(await read(`${server.url}small`, agent)).toEqual(SMALL);
  expect((await read(`${server.url}big.iso`, agent)).equals(BIG)).toBe(true);
  const before = descriptors();

  const crowd = await Crowd.gather(server, 'big.iso', { slow: 200, idle: 1_000 });
  onTestFinished(() => crowd.leave());
  await expect.poll(descriptors, PATIENT).toBeGreaterThan(before + 1_200);
  for (let count = 0; count < REQUESTS; count += 20)
    for (const body of await Promise.all(Array.from({ length: 20 }, () => read(`${server.url}small`, agent))))
      expect(body.equals(SMALL)).toBe(true);
  expect((await read(`${server.url}big.iso`, agent)).equals(BIG)).toBe(true);
  crowd.check();

  crowd.leave();
  agent.destroy();
  await expect.poll(descriptors, PATIENT).toBeLessThanOrEqual(before);
});

function read(url: string, agent: Agent): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject).on('end', () => resolve(Buffer.concat(chunks)));
    }).on('error', reject);
  });
}
