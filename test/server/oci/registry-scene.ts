import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RegistrySettings, Settings } from '../../../config/settings.js';
import { BlobStore } from '../../../content/blobs.js';
import { Layout } from '../../../content/layout.js';
import { Uploads, type UploadLimits } from '../../../content/uploads.js';
import type { ImageMirror, Registry } from '../../../core/oci/image-mirror.js';
import type { OnDemandImages } from '../../../core/oci/on-demand.js';
import { clientFinder } from '../../../server/clients/client-finder.js';
import { createRegistry } from '../../../server/oci/registry.js';
import type { Pull } from '../../../server/oci/registry-deps.js';
import { openStore, type Store } from '../../../store/open.js';
import { makeSettings } from '../scene.js';

export interface RegistryScene {
  readonly folder: string;
  readonly store: Store;
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly uploads: Uploads;
  readonly http: Server;
  readonly url: string;
  readonly pulls: Pull[];
  readonly logged: unknown[];
  settings: Settings;
  onDemand: OnDemandImages | null;
  /** Milliseconds that the clock of the scene is ahead. */
  ahead: number;
  /** Records a token that opens these patterns, and gives its secret. */
  addToken(name: string, push: readonly string[], more?: { expiresAt?: number }): string;
  close(): Promise<void>;
}

export interface RegistrySceneOptions {
  readonly registry?: Partial<RegistrySettings>;
  readonly registries?: readonly Registry[];
  readonly images?: readonly Pick<ImageMirror, 'name' | 'registry'>[];
  readonly siteUrl?: string | null;
  readonly limits?: UploadLimits;
  readonly onDemand?: OnDemandImages;
  /** Serves what the registry is mounted in; by default the registry alone. */
  readonly wrap?: (
    handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ) => (request: IncomingMessage, response: ServerResponse) => void;
}

export const DOCKER_HUB: Registry = {
  name: 'docker.io',
  url: 'https://registry-1.docker.io',
  credentials: null,
  budget: null,
  alias: 'docker.mirror.example.edu',
  onDemand: { allow: ['library/*'], keep: 1e9, recheck: 600, zones: [], pin: [] },
  privateAddresses: false,
};
export const QUAY: Registry = { ...DOCKER_HUB, name: 'quay.io', url: 'https://quay.io', alias: null };

/** The registry over a real store and real folders, listening on a port of its own. */
export async function openRegistry(options: RegistrySceneOptions = {}): Promise<RegistryScene> {
  const folder = await mkdtemp(join(tmpdir(), 'millpond-registry-'));
  const layout = new Layout(folder);
  const store = openStore(layout.stateDb);
  const state = { settings: settingsOf(folder, options), onDemand: options.onDemand ?? null, ahead: 0 };
  const clock = (): number => Date.now() + state.ahead;
  const blobs = new BlobStore({ store, layout, clock });
  const reserve = () => state.settings.sync.reserve;
  const limits = options.limits ? { limits: options.limits } : {};
  const uploads = new Uploads({ store, layout, blobs, clock, reserve, ...limits });
  const [pulls, logged]: [Pull[], unknown[]] = [[], []];
  const log = { error: (...line: unknown[]) => void logged.push(line), warn: () => undefined };
  const registry = createRegistry({
    ...{ store, layout, blobs, uploads, clock, log },
    settings: () => state.settings,
    clientOf: clientFinder(() => state.settings),
    get onDemand() {
      return state.onDemand;
    },
    onPull: (pull) => void pulls.push(pull),
  });
  const http = createServer(options.wrap?.(registry) ?? ((request, response) => void registry(request, response)));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const addToken: RegistryScene['addToken'] = (name, push, { expiresAt } = {}) => {
    const secret = `mpt_${name}-secret`;
    const secretHash = createHash('sha256').update(secret).digest('hex');
    store.tokens.add({ name, secretHash, push, at: clock(), expiresAt: expiresAt ?? null });
    return secret;
  };
  const close = async (): Promise<void> => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    store.close();
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return Object.assign(state, { folder, store, layout, blobs, uploads, http, url, pulls, logged, addToken, close });
}

/** The field of Basic credentials: any name, and the secret of a token. */
export function basic(secret: string, user = 'robot'): string {
  return `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;
}

function settingsOf(folder: string, options: RegistrySceneOptions): Settings {
  const base = makeSettings(folder, { mirrors: [], site: { url: options.siteUrl ?? null } });
  return {
    ...base,
    sync: { ...base.sync, reserve: { bytes: 0 } },
    registry: { ...base.registry, push: ['**'], ...options.registry },
    registries: new Map((options.registries ?? []).map((registry) => [registry.name, registry])),
    images: new Map((options.images ?? []).map((image) => [image.name, image as ImageMirror])),
  };
}
