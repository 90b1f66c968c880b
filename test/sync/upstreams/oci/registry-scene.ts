import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Budget, Registry } from '../../../../core/oci/image-mirror.js';
import { RegistryBudget } from '../../../../sync/upstreams/oci/registry-budget.js';
import { RegistryClient, type RegistryClientOptions } from '../../../../sync/upstreams/oci/registry-client.js';
import { RegistryFailure } from '../../../../sync/upstreams/oci/registry-failure.js';

export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface WebServer {
  /** Without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** All requests so far, in order. */
  readonly asked: Asked[];
  /** How many requests were made with this method and a URL that begins like this. */
  count(method: string, url?: string): number;
}

export type Answering = (asked: Asked, response: ServerResponse) => void | Promise<void>;

/** A server of HTTP on 127.0.0.1 that answers as it is told, until the test has finished. */
export async function startWebServer(answer: Answering): Promise<WebServer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() };
      asked.push(one);
      void answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  const count = (method: string, url = ''): number =>
    asked.filter((one) => one.method === method && one.url.startsWith(url)).length;
  return { url: `http://127.0.0.1:${port}`, port, asked, count };
}

export function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** A clock that stands still until it is set or something waits. Milliseconds. */
export interface Clock {
  now: number;
}

export interface ClientScene {
  readonly client: RegistryClient;
  readonly budget: RegistryBudget;
  readonly clock: Clock;
  /** What was waited for, in milliseconds. */
  readonly waits: number[];
}

export type ClientSettings = Pick<RegistryClientOptions, 'timeouts' | 'lookup'> & {
  registry?: Partial<Registry>;
  budget?: Budget;
};

/** A client of the registry at `url` with a clock of its own, closed when the test has finished. */
export function clientOf(url: string, settings: ClientSettings = {}): ClientScene {
  const clock: Clock = { now: Date.UTC(2026, 0, 2, 3, 4, 5) };
  const waits: number[] = [];
  const registry = registryAt(url, settings.registry);
  const budget = new RegistryBudget({
    registry: registry.name,
    budget: settings.budget ?? null,
    clock: () => clock.now,
    memory: memory(),
  });
  const { timeouts, lookup } = settings;
  const client = new RegistryClient({
    clock: () => clock.now,
    wait: (milliseconds) => {
      waits.push(milliseconds);
      clock.now += milliseconds;
      return Promise.resolve();
    },
    ...(timeouts ? { timeouts } : {}),
    ...(lookup ? { lookup } : {}),
    registry,
    budget,
  });
  onTestFinished(() => client.close());
  return { client, budget, clock, waits };
}

export function registryAt(url: string, settings: Partial<Registry> = {}): Registry {
  const none = { credentials: null, budget: null, alias: null, onDemand: null };
  return { name: 'docker.io', url, ...none, privateAddresses: true, ...settings };
}

export function memory(text?: string): { load(): string | undefined; save(text: string): void } {
  let kept = text;
  return {
    load: () => kept,
    save: (next) => {
      kept = next;
    },
  };
}

export function asking(urgency: 'sync' | 'on-demand' = 'sync'): { signal: AbortSignal; urgency: typeof urgency } {
  return { signal: new AbortController().signal, urgency };
}

/** The failure that `work` ends with. */
export async function failureOf(work: Promise<unknown>): Promise<RegistryFailure> {
  const error: unknown = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RegistryFailure)) throw error;
  return error;
}
