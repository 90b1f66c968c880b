import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { BlobStore } from '../../content/blobs.js';
import { FileHashes } from '../../content/file-hashes.js';
import { Layout } from '../../content/layout.js';
import { PublishedTrees } from '../../content/published-trees.js';
import { Uploads } from '../../content/uploads.js';
import type { EngineEvent, EngineView, MirrorActivity } from '../../core/engine.js';
import type { Generation } from '../../core/generation.js';
import type { TreeMirror } from '../../core/mirror.js';
import type { ImageStatistics } from '../../core/oci/image-statistics.js';
import type { Run } from '../../core/run.js';
import { NO_VERIFY_RULE } from '../../core/verify.js';
import { AccessLog } from '../../server/access-log.js';
import { createServer, type Server } from '../../server/app.js';
import type { HashWait } from '../../server/derived/routes.js';
import { DownloadCatalog } from '../../server/downloads/catalog.js';
import type { EventLimits } from '../../server/events.js';
import { PullCounter } from '../../server/oci/pull-counter.js';
import type { ServerDeps } from '../../server/server-deps.js';
import { Statistics } from '../../server/statistics/statistics.js';
import { StatusBoard } from '../../server/status-board.js';
import { openStore, type Store } from '../../store/open.js';

/** The clock of a scene: a fixed moment. */
export const NOW = Date.UTC(2026, 10, 23, 14, 0);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export const IDLE: MirrorActivity = { running: null, progress: null, lastByteAt: null, queued: null, place: null };

/** An engine whose activity is what a test puts there, and which tells what a test says. */
export class ShownEngine implements EngineView {
  readonly activities = new Map<string, MirrorActivity>();
  readonly listeners = new Set<(event: EngineEvent) => void>();

  activity(mirror: string): MirrorActivity {
    return this.activities.get(mirror) ?? IDLE;
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(event: EngineEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

/** A real server over a real store and real folders. `url` is where it listens; `http` serves tests with supertest. */
export interface Scene {
  readonly folder: string;
  readonly store: Store;
  readonly trees: PublishedTrees;
  readonly layout: Layout;
  readonly engine: ShownEngine;
  readonly server: Server;
  readonly http: HttpServer;
  readonly url: string;
  readonly logged: unknown[];
  /** What each warning tells besides its sentence. */
  readonly warned: unknown[];
  readonly statistics: Statistics;
  readonly accessLog: AccessLog;
  readonly downloads: DownloadCatalog;
  settings: Settings;
  isReady: boolean;
  close(): Promise<void>;
}

export interface SceneOptions {
  readonly mirrors?: TreeMirror[];
  readonly site?: Partial<Settings['site']>;
  readonly events?: EventLimits;
  readonly hashWait?: HashWait;
  readonly clock?: () => number;
  readonly imageStatistics?: ImageStatistics;
  readonly rsync?: ServerDeps['rsync'];
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'millpond-scene-'));
  const layout = new Layout(folder);
  const store = openStore(layout.stateDb);
  const parts = {
    folder,
    layout,
    store,
    trees: new PublishedTrees(),
    engine: new ShownEngine(),
    logged: [] as unknown[],
    warned: [] as unknown[],
    statistics: new Statistics(),
    accessLog: new AccessLog({ log: { error: () => undefined, info: () => undefined } }),
  };
  const state = { settings: makeSettings(folder, options), isReady: true };
  const log = {
    error: (...line: unknown[]) => void parts.logged.push(line),
    warn: (first: unknown) => void parts.warned.push(first),
  };
  const clock = options.clock ?? (() => NOW);
  const hashes = new FileHashes({ store, clock, log });
  const downloads = new DownloadCatalog({ settings: () => state.settings, trees: parts.trees, log });
  downloads.start();
  const pulls = new PullCounter({ store, clock, log });
  const settings = () => state.settings;
  const board = new StatusBoard({ settings, store, engine: parts.engine, clock });
  const deps: ServerDeps = {
    ...parts,
    board,
    settings,
    clock,
    hashes,
    downloads,
    images: { ...bytesOf(parts, state, clock), onDemand: null, onPull: (pull) => pulls.count(pull) },
    imagePulls: pulls,
    imageStatistics: options.imageStatistics ?? null,
    log: log as ServerDeps['log'],
    version: '0.1.0',
    ready: () => state.isReady,
    ...(options.rsync ? { rsync: options.rsync } : {}),
  };
  const { events, hashWait } = options;
  const server = createServer(deps, { ...(events ? { events } : {}), ...(hashWait ? { hashWait } : {}) });
  const http = createHttpServer(server.handler);
  http.on('connection', (socket) => server.quick(socket, http));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.stop();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await downloads.stop();
    await hashes.stop();
    store.close();
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return Object.assign(state, { ...parts, downloads, server, http, url, close });
}

/** What the registry keeps on the disk. */
function bytesOf(
  { store, layout }: { store: Store; layout: Layout },
  state: { settings: Settings },
  clock: () => number,
) {
  const blobs = new BlobStore({ store, layout, clock });
  return { blobs, uploads: new Uploads({ store, layout, blobs, clock, reserve: () => state.settings.sync.reserve }) };
}

export function makeMirror(name: string, more: Partial<TreeMirror> = {}): TreeMirror {
  return {
    name,
    title: name,
    description: '',
    kind: 'rsync',
    upstreams: [`rsync://upstream.example.org/${name}/`],
    sshKey: null,
    password: null,
    schedule: { kind: 'every', seconds: 4 * 3600 },
    stages: [{ name: 'all', include: [], exclude: [], delete: true, options: [] }],
    exclude: [],
    timeout: 12 * 3600,
    stall: 15 * 60,
    retry: { attempts: 5, firstBackoff: 60, maxBackoff: 3600 },
    frozen: false,
    publish: 'slots',
    marker: null,
    preset: null,
    selected: {},
    confirmed: [],
    selection: [],
    protect: [],
    verify: NO_VERIFY_RULE,
    guard: { maxDelete: 0.5, maxDeleteFiles: null, maxDeleteBytes: null, maxShrink: 0.5, maxTouched: 0.9 },
    keep: null,
    sources: [],
    read: null,
    ...more,
  } as TreeMirror;
}

/** An ended run is recorded in the store and returned. */
export function addRun(
  scene: Pick<Scene, 'store'>,
  mirror: string,
  more: Partial<Omit<Run, 'id' | 'mirror'>> = {},
): Run {
  const { queuedAt = NOW - 10 * MINUTE, ...fields } = more;
  const run = scene.store.runs.add({ mirror, trigger: 'schedule', attempt: 1, force: false, queuedAt });
  return scene.store.runs.update(run.id, {
    phase: 'ended',
    outcome: 'updated',
    startedAt: queuedAt,
    endedAt: queuedAt + MINUTE,
    ...fields,
  });
}

export function addGeneration(scene: Pick<Scene, 'store'>, mirror: string, more: Partial<Generation> = {}): Generation {
  return scene.store.generations.add({
    mirror,
    runId: null,
    slot: 'a',
    state: 'live',
    files: 1200,
    bytes: 3_400_000_000,
    markerValue: null,
    markerTime: null,
    verification: null,
    publishedAt: NOW - 2 * HOUR,
    confirmedAt: NOW - 10 * MINUTE,
    ...more,
  });
}

/** Writes `files` (path to content) as the live tree of a mirror, records its generation and serves it. */
export async function publish(
  scene: Scene,
  mirror: string,
  files: Readonly<Record<string, string>>,
  more: Partial<Generation> = {},
): Promise<Generation> {
  const root = scene.layout.slot(mirror, 'a');
  await mkdir(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  const generation = addGeneration(scene, mirror, more);
  scene.trees.set(mirror, { live: { generation, root }, previous: null });
  return generation;
}

export async function writeLog(scene: Scene, run: Run, text: string | Buffer): Promise<void> {
  await mkdir(scene.layout.logFolder(run.mirror), { recursive: true });
  await writeFile(scene.layout.log(run.mirror, run.id), text);
}

export function makeSettings(
  folder: string,
  options: { mirrors?: TreeMirror[]; site?: Partial<Settings['site']> },
): Settings {
  const mirrors = options.mirrors ?? [
    makeMirror('debian', { title: 'Debian', description: 'The universal operating system' }),
  ];
  return {
    file: join(folder, 'millpond.yaml'),
    site: {
      name: 'Example University Mirror',
      url: 'https://mirror.example.edu',
      contact: 'mirror@example.edu',
      mirrorz: null,
      ...options.site,
    },
    data: folder,
    listen: { http: [], https: [], connections: null, rsync: null },
    sync: {
      concurrency: 4,
      perHost: 2,
      jitter: 0,
      reserve: { share: 0.05 },
      bandwidth: null,
      keep: { runs: 30, days: 90 },
    },
    ...{ accessLog: null, frontLog: null, help: { check: 'never' as const } },
    files: { hashOver: null, hashRate: 25_000_000 },
    zones: new Map(),
    proxies: { trusted: [], header: 'x-forwarded-for' },
    registries: new Map(),
    images: new Map(),
    registry: {
      ...{ push: [], immutable: [], retention: [], maxManifest: 4 * 1024 * 1024, scrub: { rate: 25_000_000 } },
      keep: { untagged: 604_800, history: 10, grace: 86_400 },
    },
    mirrors: new Map(mirrors.map((mirror) => [mirror.name, mirror])),
    workers: 0,
    grace: 30,
  };
}
