import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startCountingProxy } from './counting-proxy.js';
import {
  makeConfig,
  makeLayer,
  manifestOf,
  pushBlob,
  pushManifest,
  startDockerRegistry,
  type DockerRegistry,
} from './docker-registry.js';
import { REGISTRY, settingsOf, type ImagesBench } from './images-bench.js';
import { startMillpond, syncAll, timed } from './workbench.js';

const REPOSITORIES = 6;
const TAGS = 5;
const SHARED_LAYERS = 10;
/** Of one image, bytes. Most layers of real images are small, and most bytes are in large ones. */
const OWN_LAYERS = [6_000_000, 800_000, 20_000];
const SHARED_LAYER = 8_000_000;
const SHARED_OF_ONE = 3;

const names = Array.from({ length: REPOSITORIES }, (_, index) => `library/app${index}`);
const tags = Array.from({ length: TAGS }, (_, index) => `1.${index}`);

interface Side {
  readonly walls: number[];
  readonly again: number[];
  readonly megabytes: number[];
}

/** Milliseconds that a request and its answer are under way to a registry on another continent, each. */
const ONE_WAY = 20;

/**
 * All 30 images into an empty store, and once more when nothing has changed: from a registry on this machine, and from
 * the same one behind a long way. Bytes are counted there, through a proxy. The store of skopeo is a docker-registry.
 */
export async function benchImagesSync(bench: ImagesBench): Promise<void> {
  const { workbench, report } = bench;
  const upstream = await startDockerRegistry(workbench, join(workbench.folder, 'upstream'));
  const total = await fill(upstream);
  report.say('images, and MB of all their blobs', [REPOSITORIES * TAGS, total / 1e6]);
  await compareSyncs(bench, { port: upstream.port, where: '', take: () => 0 });
  const proxy = await startCountingProxy(upstream.port, ONE_WAY);
  const where = `, ${ONE_WAY} ms away`;
  const { millpond, skopeo } = await compareSyncs(bench, { port: proxy.port, where, take: () => proxy.take() });
  proxy.close();
  await workbench.end(upstream.child);
  report.compare({
    ...{ name: 'bytes from upstream, both syncs', unit: 'MB', peer: 'skopeo', goal: { most: 1 } },
    ...{ ours: millpond.megabytes, theirs: skopeo.megabytes },
  });
}

async function compareSyncs(
  bench: ImagesBench,
  { port, where, take }: { port: number; where: string; take: () => number },
): Promise<{ millpond: Side; skopeo: Side }> {
  const [millpond, skopeo] = [newSide(), newSide()];
  for (let round = 0; round < bench.options.repeat; round++) {
    await millpondRound(bench, port, millpond);
    millpond.megabytes.push(take() / 1e6);
    await skopeoRound(bench, port, skopeo);
    skopeo.megabytes.push(take() / 1e6);
  }
  const common = { unit: 'ms', peer: 'skopeo' };
  bench.report.compare({
    ...{ ...common, name: `first sync of 30 images${where}`, goal: { most: 0.7 } },
    ...{ ours: millpond.walls, theirs: skopeo.walls },
  });
  bench.report.compare({
    ...{ ...common, name: `nothing changed${where}`, goal: { most: 0.2 } },
    ...{ ours: millpond.again, theirs: skopeo.again },
  });
  return { millpond, skopeo };
}

/** Bytes of all blobs, each once. */
async function fill(upstream: DockerRegistry): Promise<number> {
  const shared = Array.from({ length: SHARED_LAYERS }, () => makeLayer(SHARED_LAYER));
  let total = shared.reduce((sum, { bytes }) => sum + bytes.length, 0);
  let image = 0;
  for (const repository of names)
    for (const tag of tags) {
      const own = OWN_LAYERS.map(makeLayer);
      const common = Array.from({ length: SHARED_OF_ONE }, (_, index) => shared[(image + index) % SHARED_LAYERS]);
      const layers = [...common.filter((layer) => layer !== undefined), ...own];
      const config = makeConfig(layers);
      for (const blob of [...layers, config]) await pushBlob(upstream, repository, blob);
      await pushManifest(upstream, repository, tag, manifestOf(config, layers));
      total += [...own, config].reduce((sum, { bytes }) => sum + bytes.length, 0);
      image++;
    }
  return total;
}

async function millpondRound({ workbench }: ImagesBench, port: number, side: Side): Promise<void> {
  const millpond = await startMillpond(workbench, workbench.newFolder(), settingsOf(port, names));
  const mirrors = names.map((name) => `${REGISTRY}/${name}`);
  side.walls.push(await syncAll(millpond, mirrors));
  side.again.push(await syncAll(millpond, mirrors));
  await workbench.end(millpond.child);
}

async function skopeoRound({ workbench }: ImagesBench, port: number, side: Side): Promise<void> {
  const folder = workbench.newFolder();
  const store = await startDockerRegistry(workbench, folder);
  const list = join(folder, 'images.yml');
  const images = Object.fromEntries(names.map((name) => [name, tags]));
  writeFileSync(list, stringify({ [`127.0.0.1:${port}`]: { 'tls-verify': false, images } }));
  const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  const args = ['--insecure-policy', 'sync', ...insecure, '--src', 'yaml', '--dest', 'docker'];
  for (const figures of [side.walls, side.again])
    figures.push(await timed('skopeo', [...args, list, `127.0.0.1:${store.port}/mirror`]));
  await workbench.end(store.child);
}

function newSide(): Side {
  return { walls: [], again: [], megabytes: [] };
}
