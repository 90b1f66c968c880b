import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Layout } from '../../content/layout.js';
import { openStore } from '../../store/open.js';
import { buildImage } from '../fixtures/image-builder.js';
import { pushImage } from '../fixtures/image-push.js';
import { startProgram } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const PUSHERS = 8;

test('a program that is stopped while clients push leaves no file that is not recorded, and says so truthfully', async () => {
  const program = await startProgram(await tempFolder(), {}, {}, { grace: '0s', registry: { push: ['lab/*'] } });
  const { secret } = await program.control<{ secret: string }>('POST', '/tokens', { push: ['lab/*'] });
  const authorization = `Basic ${Buffer.from(`robot:${secret}`).toString('base64')}`;
  let pushed = 0;
  async function pushUntilStopped(pusher: number): Promise<void> {
    const to = { url: program.url, repository: `lab/p${pusher}`, authorization };
    for (let n = 0; ; n++) {
      const image = buildImage({ seed: `${pusher} ${n}`, layerSeeds: [`${pusher} ${n}`], layers: [200_000] });
      await pushImage(to, image, ['latest']);
      pushed++;
    }
  }
  const pushing = Promise.allSettled(Array.from({ length: PUSHERS }, (_, pusher) => pushUntilStopped(pusher)));
  await expect.poll(() => pushed).toBeGreaterThan(PUSHERS);
  expect(await program.end('SIGTERM')).toBe(0);
  await pushing;
  expect(program.said()).not.toMatch(/"level":(50|60)|connection is not open/);
  const layout = new Layout(program.data);
  expect(existsSync(layout.blobsSettled)).toBe(true);
  const store = openStore(layout.stateDb);
  const recorded = store.blobs.page('', 100_000).map(({ digest }) => digest.slice('sha256:'.length));
  store.close();
  const files = readdirSync(join(layout.blobsFolder, 'sha256'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  expect(files.sort()).toEqual(recorded.sort());
});
