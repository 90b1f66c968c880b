import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import type { Digest } from '../core/oci/digest.js';
import { DOCKER_MANIFEST } from '../core/oci/media-types.js';
import { digestOf } from '../core/oci/digest.js';
import { makeConfig, makeLayer, manifestOf, pushBlob, pushManifest, startDockerRegistry } from './docker-registry.js';
import { REGISTRY, settingsOf, type ImagesBench } from './images-bench.js';
import { cpuSeconds, outputOf, startMillpond, syncAll, timed } from './workbench.js';

const REPOSITORY = 'library/large';
const TAG = '1.0';
const BLOB_SIZE = 100_000_000;
/** Downloads of one measurement, in all. */
const DOWNLOADS = 24;
const WRK_SECONDS = 4;
const CONNECTIONS = 32;
const GIB = 1024 ** 3;

interface Server {
  readonly child: ChildProcess;
  /** Of the repository, below /v2/. */
  readonly base: string;
}

interface Blobs {
  readonly rates: number[];
  readonly cpu: number[];
}

/** A blob of 100 MB and its manifest, from the disk cache of the system, by the same clients. */
export async function benchImagesServe(bench: ImagesBench): Promise<void> {
  const { workbench } = bench;
  const registry = await startDockerRegistry(workbench, join(workbench.folder, 'serving'));
  const layer = makeLayer(BLOB_SIZE);
  const config = makeConfig([layer]);
  const manifest = manifestOf(config, [layer]);
  for (const blob of [layer, config]) await pushBlob(registry, REPOSITORY, blob);
  await pushManifest(registry, REPOSITORY, TAG, manifest);
  const millpond = await startMillpond(workbench, workbench.newFolder(), settingsOf(registry.port, [REPOSITORY]));
  await syncAll(millpond, [`${REGISTRY}/${REPOSITORY}`]);
  const ours: Server = { child: millpond.child, base: `${millpond.url}/v2/${REGISTRY}/${REPOSITORY}` };
  const theirs: Server = { child: registry.child, base: `${registry.url}/v2/${REPOSITORY}` };
  for (const clients of [1, 8]) await compareBlobs(bench, { ours, theirs, digest: layer.digest, clients });
  for (const [name, reference] of [
    ['by tag', TAG],
    ['by digest', digestOf(manifest)],
  ] as const)
    await compareManifests(bench, { ours, theirs, name, reference });
  await workbench.end(millpond.child);
  await workbench.end(registry.child);
}

async function compareBlobs(
  { report, options }: ImagesBench,
  how: { ours: Server; theirs: Server; digest: Digest; clients: number },
): Promise<void> {
  const [ours, theirs]: [Blobs, Blobs] = [newBlobs(), newBlobs()];
  for (let round = 0; round < options.repeat; round++) {
    await download(how.ours, how, ours);
    await download(how.theirs, how, theirs);
  }
  const name = `blobs of 100 MB, ${how.clients} ${how.clients === 1 ? 'client' : 'clients'}`;
  const peer = 'docker-registry';
  report.compare({ name, unit: 'MB/s', peer, ours: ours.rates, theirs: theirs.rates, goal: { least: 1.5 } });
  report.compare({ name: `${name}, CPU`, unit: 's/GiB', peer, ours: ours.cpu, theirs: theirs.cpu, goal: null });
}

/** Each client is a curl that gets the blob again and again over one connection. */
async function download(
  { child, base }: Server,
  { digest, clients }: { digest: Digest; clients: number },
  into: Blobs,
): Promise<void> {
  const each = DOWNLOADS / clients;
  const urls = Array.from({ length: each }, () => ['-o', '/dev/null', `${base}/blobs/${digest}`]).flat();
  const [cpu, started] = [cpuSeconds(child), performance.now()];
  await Promise.all(Array.from({ length: clients }, () => timed('curl', ['-sSf', ...urls])));
  const bytes = DOWNLOADS * BLOB_SIZE;
  into.rates.push(bytes / 1000 / (performance.now() - started));
  into.cpu.push((cpuSeconds(child) - cpu) / (bytes / GIB));
}

async function compareManifests(
  { report, options }: ImagesBench,
  how: { ours: Server; theirs: Server; name: string; reference: string },
): Promise<void> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < options.repeat; round++) {
    ours.push(await requestsASecond(how.ours, how.reference));
    theirs.push(await requestsASecond(how.theirs, how.reference));
  }
  report.compare({
    ...{ name: `manifests ${how.name}, ${CONNECTIONS} connections`, unit: '/s', peer: 'docker-registry' },
    ...{ ours, theirs, goal: { least: 1 } },
  });
}

async function requestsASecond({ base, child }: Server, reference: string): Promise<number> {
  const load = ['-t1', `-c${CONNECTIONS}`, `-d${WRK_SECONDS}s`, '-H', `Accept: ${DOCKER_MANIFEST}`];
  const text = await outputOf('wrk', [...load, `${base}/manifests/${reference}`]);
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('the server has ended meanwhile');
  if (/Non-2xx|Socket errors/.test(text)) throw new Error(`not all requests were answered: ${text}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
}

function newBlobs(): Blobs {
  return { rates: [], cpu: [] };
}
