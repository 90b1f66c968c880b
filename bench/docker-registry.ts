import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { digestOf, type Digest } from '../core/oci/digest.js';
import { DOCKER_MANIFEST } from '../core/oci/media-types.js';
import { freePort, type Workbench } from './workbench.js';

export interface DockerRegistry {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
}

/** Bytes with their digest. */
export interface Layer {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

const POLL_MS = 50;

/** Debian's docker-registry as it is configured there, without its log of every request. */
export async function startDockerRegistry(bench: Workbench, folder: string): Promise<DockerRegistry> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const config = join(folder, 'config.yml');
  const settings = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      cache: { blobdescriptor: 'inmemory' },
      filesystem: { rootdirectory: join(folder, 'storage') },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}` },
  };
  writeFileSync(config, JSON.stringify(settings)); // JSON is YAML
  const child = bench.start('docker-registry', ['serve', config]);
  const url = `http://127.0.0.1:${port}`;
  while (!(await answers(url))) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
    await delay(POLL_MS);
  }
  return { child, port, url };
}

/** A gzip file of about so many bytes that cannot be compressed, as the layers of images are. */
export function makeLayer(size: number): Layer {
  return layerOf(gzipSync(randomBytes(size), { level: 0 }));
}

/** The manifest of an image, which has to be pushed after its layers and `config`. */
export function manifestOf(config: Layer, layers: readonly Layer[]): Buffer {
  const manifest = {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: { ...sized(config), mediaType: 'application/vnd.docker.container.image.v1+json' },
    layers: layers.map((one) => ({
      ...sized(one),
      mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    })),
  };
  return Buffer.from(JSON.stringify(manifest));
}

/** A configuration that no other image has. */
export function makeConfig(layers: readonly Layer[]): Layer {
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
  const config = { architecture: 'amd64', os: 'linux', config: { Labels: { seed: randomBytes(8).toString('hex') } } };
  return layerOf(
    Buffer.from(JSON.stringify({ ...config, rootfs, history: layers.map(() => ({ created_by: 'bench' })) })),
  );
}

export async function pushBlob({ url }: DockerRegistry, repository: string, { digest, bytes }: Layer): Promise<void> {
  const base = `${url}/v2/${repository}/blobs`;
  if ((await fetch(`${base}/${digest}`, { method: 'HEAD' })).ok) return;
  const opened = await accepted(await fetch(`${base}/uploads/`, { method: 'POST' }));
  const location = new URL(opened.headers.get('location') ?? '', url);
  location.searchParams.set('digest', digest);
  await accepted(await fetch(location, { method: 'PUT', body: new Uint8Array(bytes) }));
}

export async function pushManifest(
  { url }: DockerRegistry,
  repository: string,
  tag: string,
  manifest: Buffer,
): Promise<void> {
  const headers = { 'content-type': DOCKER_MANIFEST };
  const body = new Uint8Array(manifest);
  await accepted(await fetch(`${url}/v2/${repository}/manifests/${tag}`, { method: 'PUT', headers, body }));
}

function sized({ digest, bytes }: Layer): { digest: Digest; size: number } {
  return { digest, size: bytes.length };
}

function layerOf(bytes: Buffer): Layer {
  return { digest: digestOf(bytes), bytes };
}

async function accepted(answer: Response): Promise<Response> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}: ${text.slice(0, 300)}`);
  return answer;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v2/`)).ok;
  } catch {
    return false;
  }
}
