import { request, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { buildImage } from '../fixtures/image-builder.js';
import { startImageUpstream } from '../fixtures/image-upstream.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const NAME = 'up.test/library/pond';

/** What clients, programs and people are told of upstream: since when it cannot be asked, each as far as it tells. */
interface Told {
  /** To the minute; null without a Warning. */
  readonly header: string | null;
  /** Milliseconds since the epoch; of the catalogue, of the repository, and of the command line. */
  readonly json: readonly (number | null)[];
  readonly page: string | null;
}

async function toldBy(program: Program): Promise<Told> {
  const { headers } = (await manifest(program, '1')).resume();
  const read = async <T>(path: string): Promise<T> => (await (await fetch(`${program.url}${path}`)).json()) as T;
  type Use = { use: { troubleSince: number | null } };
  const { registries } = await read<{ registries: Use[] }>('/api/v1/images');
  const { registry } = await read<{ registry: Use }>(`/api/v1/images/${NAME}`);
  type Row = { upstream: { troubleSince: number | null } };
  const rows = await program.control<Row[]>('GET', '/repositories');
  const page = await (await fetch(`${program.url}/images/${NAME}`, { headers: { accept: 'text/html' } })).text();
  return {
    header: /since (\S+ [\d:]{5})/.exec(String(headers['warning']))?.[1] ?? null,
    json: [...registries, registry]
      .map(({ use }) => use.troubleSince)
      .concat(rows.map((row) => row.upstream.troubleSince)),
    page: /has not answered as it should since <time datetime="([^"]+)"/.exec(page)?.[1] ?? null,
  };
}

function manifest(program: Program, tag: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(`${program.url}/v2/${NAME}/manifests/${tag}`, resolve).on('error', reject).end();
  });
}

function toldSince(since: number): Told {
  const iso = new Date(since).toISOString();
  return { header: iso.slice(0, 16).replace('T', ' '), json: [since, since, since], page: iso };
}

const NO_TROUBLE: Told = { header: null, json: [null, null, null], page: null };

test('since when upstream is down is told alike before and after a kill, and no more once it is back', async () => {
  const upstream = await startImageUpstream();
  await upstream.push('library/pond', buildImage({ seed: 'pond' }), '1');
  const folder = await tempFolder();
  const more = {
    registries: { 'up.test': upstream.settings({ on_demand: { allow: ['other/*'], keep: '1GB' } }) },
    images: [{ from: NAME, tags: ['*'], schedule: 'manual', retry: { attempts: 1 } }],
  };
  const start = (): Promise<Program> => startProgram(folder, {}, {}, more);
  let program = await start();
  expect(await program.sync(encodeURIComponent(NAME))).toMatchObject({ outcome: 'updated' });
  expect(await toldBy(program)).toEqual(NO_TROUBLE);

  await upstream.faulty.offline();
  expect(await program.sync(encodeURIComponent(NAME))).toMatchObject({ outcome: 'failed' });
  const [since = null] = (await toldBy(program)).json;
  if (since === null) throw new Error('nothing is told');
  expect(await toldBy(program)).toEqual(toldSince(since));

  await program.end('SIGKILL');
  program = await start();
  expect(await toldBy(program)).toEqual(toldSince(since));
  expect(await program.sync(encodeURIComponent(NAME))).toMatchObject({ outcome: 'failed' });
  expect(await toldBy(program)).toEqual(toldSince(since));

  await program.end('SIGKILL');
  await upstream.faulty.online();
  upstream.faulty.forgetRequests();
  program = await start();
  await expect.poll(() => toldBy(program)).toEqual(NO_TROUBLE);
  // nobody but the program itself has asked, and only whether it is there
  expect(upstream.faulty.requests().map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v2/']);
});
