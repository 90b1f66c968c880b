import { join } from 'node:path';
import { eachLimited } from '../content/each-limited.js';
import { makeConfig, makeLayer, manifestOf, pushBlob, pushManifest, startDockerRegistry } from './docker-registry.js';
import { REGISTRY, settingsOf, type ImagesBench } from './images-bench.js';
import { median } from './report.js';
import { startMillpond, syncAll } from './workbench.js';

const REPOSITORY = 'library/many';
const TAGS = 10_000;
const PUSHES_AT_ONCE = 16;
const PAGES_A_ROUND = 40;
const GOAL_MS = 20;

/** Pages of the list of 10,000 tags, one request after the other, from different places of the list. */
export async function benchImagesTags({ workbench, report, options }: ImagesBench): Promise<void> {
  const registry = await startDockerRegistry(workbench, join(workbench.folder, 'tags'));
  const layer = makeLayer(1_000);
  const config = makeConfig([layer]);
  for (const blob of [layer, config]) await pushBlob(registry, REPOSITORY, blob);
  const manifest = manifestOf(config, [layer]);
  const tags = Array.from({ length: TAGS }, (_, index) => `v${String(index).padStart(5, '0')}`);
  await eachLimited(tags, PUSHES_AT_ONCE, (tag) => pushManifest(registry, REPOSITORY, tag, manifest));
  const millpond = await startMillpond(workbench, workbench.newFolder(), settingsOf(registry.port, [REPOSITORY]));
  const name = `${REGISTRY}/${REPOSITORY}`;
  report.say(`first sync of ${TAGS} tags, ms`, [await syncAll(millpond, [name])]);
  report.say(`nothing changed in ${TAGS} tags, ms`, [await syncAll(millpond, [name])]);
  for (const size of [100, 1_000]) {
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < options.repeat; round++) {
      ours.push(await pageLatency(`${millpond.url}/v2/${name}`, size));
      theirs.push(await pageLatency(`${registry.url}/v2/${REPOSITORY}`, size));
    }
    const title = `a page of ${size} of ${TAGS} tags`;
    report.compare({ name: title, unit: 'ms', peer: 'docker-registry', ours, theirs, goal: null });
    report.within(`${title}, ms`, median(ours), GOAL_MS);
  }
  await workbench.end(millpond.child);
  await workbench.end(registry.child);
}

/** The median, in milliseconds. */
async function pageLatency(base: string, size: number): Promise<number> {
  const times: number[] = [];
  for (let page = 0; page < PAGES_A_ROUND; page++) {
    const last = `v${String(Math.floor((page * TAGS) / PAGES_A_ROUND)).padStart(5, '0')}`;
    const started = performance.now();
    const answer = await fetch(`${base}/tags/list?n=${size}&last=${last}`);
    await answer.json();
    times.push(performance.now() - started);
  }
  return median(times);
}
