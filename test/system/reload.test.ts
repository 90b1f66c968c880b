import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectRefusal, runMillpond } from '../fixtures/command-line.js';
import { freePort } from '../fixtures/free-port.js';
import { createPond, endOf, holdRun, PATIENT, read, type Pond } from '../fixtures/pond.js';
import { writeConfig, type Program } from '../fixtures/program.js';
import { SLOW_BYTES, startSlowDownload } from '../fixtures/slow-download.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

/** The two ways to ask for a reload that must succeed; both resolve when it has happened, with what was said of it. */
const WAYS: [string, (program: Program) => Promise<string>][] = [
  ['millpond reload', byCommand],
  ['SIGHUP', (program) => bySignal(program, 'Reloaded: ')],
];

async function byCommand({ config }: Program): Promise<string> {
  const { code, stdout, stderr } = await runMillpond(config, 'reload');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Resolves with what the program has said since, once that has `answer` in it. */
async function bySignal(program: Program, answer: string): Promise<string> {
  const before = program.said().length;
  process.kill(program.pid, 'SIGHUP');
  const since = (): string => program.said().slice(before);
  await expect.poll(since, PATIENT).toContain(answer);
  return since();
}

/** A pond whose upstream has a second module, and a big file that is published. */
async function bigPond(): Promise<{ pond: Pond; program: Program; big: Buffer; other: object }> {
  const lake = await tempFolder();
  writeTree(lake, { README: 'a lake' });
  const pond = await createPond({ modules: { lake } });
  const big = randomBytes(SLOW_BYTES);
  writeTree(pond.up, { 'big.iso': big });
  const program = await pond.start();
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  return { pond, program, big, other: { upstream: pond.daemon.url('lake'), schedule: 'manual' } };
}

describe.each(WAYS)('%s', (_, reload) => {
  test('adds a mirror while a download and a run of another one go on; both come to their good end', async () => {
    const { pond, program, big, other } = await bigPond();
    const run = await holdRun(pond, program);
    const download = await startSlowDownload(`${program.url}/pond/big.iso`);

    await writeConfig(pond.home, { mirrors: { pond: pond.mirror, lake: other } });
    expect(await reload(program)).toBe('Reloaded: changed mirrors.lake.\n');
    expect(await program.sync('lake')).toMatchObject({ outcome: 'updated' });
    expect(await read(`${program.url}/lake/README`)).toEqual({ status: 200, text: 'a lake' });

    expect((await download.finish()).equals(big)).toBe(true);
    pond.proxy.resume();
    expect(await endOf(program, run.id)).toMatchObject({ outcome: 'updated' });
    expect(snapshot(join(program.data, 'mirrors/pond/live'))).toEqual(snapshot(pond.up));
  });

  test('removes a mirror: it is served no more, its tree stays and is served again when it comes back', async () => {
    const { pond, program, big, other } = await bigPond();
    const tree = join(program.data, 'mirrors/pond/live');
    const before = snapshot(tree);
    const download = await startSlowDownload(`${program.url}/pond/big.iso`);

    await writeConfig(pond.home, { mirrors: { lake: other } });
    expect(await reload(program)).toBe('Reloaded: changed mirrors.lake, mirrors.pond.\n');
    for (const path of ['/pond/README', '/pond/', '/status/pond', '/api/v1/mirrors/pond'])
      expect((await read(`${program.url}${path}`)).status, path).toBe(404);
    expectRefusal(await runMillpond(program.config, 'sync', 'pond'), 'there is no mirror "pond"');
    expect(readdirSync(join(program.data, 'public'))).toEqual([]);
    expect(snapshot(tree)).toEqual(before);
    expect((await download.finish()).equals(big)).toBe(true);

    await writeConfig(pond.home, { mirrors: { pond: pond.mirror } });
    await reload(program);
    expect(readdirSync(join(program.data, 'public'))).toEqual(['pond']);
    expect(await read(`${program.url}/pond/README`)).toEqual({ status: 200, text: 'hello' });
  });
});

test('removing a mirror that is being synced ends its run, and the rest goes on', async () => {
  const pond = await createPond();
  const program = await pond.start();
  await program.sync('pond');
  const before = snapshot(join(program.data, 'mirrors/pond/live'));
  const run = await holdRun(pond, program);
  await writeConfig(pond.home, { mirrors: {} });
  expect(await byCommand(program)).toBe('Reloaded: changed mirrors.pond.\n');
  expect(await endOf(program, run.id)).toMatchObject({ outcome: 'cancelled' });
  expect(snapshot(join(program.data, 'mirrors/pond/live'))).toEqual(before);
  expect((await read(`${program.url}/`)).status).toBe(200);
});

test('addresses of listen.http come and go; a download on one that goes has its end', async () => {
  const { pond, program, big } = await bigPond();
  const { mirror, home } = pond;
  const { port } = new URL(program.url);
  const second = `http://127.0.0.2:${port}`; // free where the first one is: both would clash with a wildcard only
  const isServed = async (url: string): Promise<boolean> =>
    read(`${url}/pond/README`).then(
      ({ status }) => status === 200,
      () => false,
    );
  expect(await isServed(second)).toBe(false);

  const listen = { http: ['127.0.0.1:0', `127.0.0.2:${port}`] };
  await writeConfig(home, { mirrors: { pond: mirror }, listen });
  expect(await byCommand(program)).toBe('Reloaded: changed listen.http.\n');
  expect([await isServed(program.url), await isServed(second)]).toEqual([true, true]);
  const download = await startSlowDownload(`${second}/pond/big.iso`);

  await writeConfig(home, { mirrors: { pond: mirror } });
  expect(await byCommand(program)).toBe('Reloaded: changed listen.http.\n');
  expect([await isServed(program.url), await isServed(second)]).toEqual([true, false]);
  expect((await download.finish()).equals(big)).toBe(true);
});

test('the address goes from loopback to every one on the same port and back', async () => {
  const pond = await createPond();
  const port = await freePort();
  const program = await pond.start({ listen: { http: `127.0.0.1:${port}` } });
  const isThere = (host: string): Promise<boolean> =>
    read(`http://${host}:${port}/status`).then(
      ({ status }) => status === 200,
      () => false,
    );
  for (const [http, hosts] of [
    [`:${port}`, [true, true]],
    [`127.0.0.1:${port}`, [true, false]],
  ] as const) {
    await writeConfig(pond.home, { mirrors: { pond: pond.mirror }, listen: { http } });
    expect(await byCommand(program)).toBe('Reloaded: changed listen.http.\n');
    expect([await isThere('127.0.0.1'), await isThere('127.0.0.2')]).toEqual(hosts);
  }
});

test('a mirror whose tree cannot be shown keeps nothing else from being applied', async () => {
  const { pond, program, other } = await bigPond();
  const both = { pond: pond.mirror, lake: other };
  await writeConfig(pond.home, { mirrors: both });
  await byCommand(program);
  expect(await program.sync('lake')).toMatchObject({ outcome: 'updated' });
  await writeConfig(pond.home, { mirrors: { pond: pond.mirror } });
  await byCommand(program);
  writeTree(program.data, { 'public/lake/of an operator': 'x' });

  const third = { upstream: pond.daemon.url('pond'), schedule: 'manual' };
  await writeConfig(pond.home, { mirrors: { ...both, third } });
  expect(await byCommand(program)).toBe('Reloaded: changed mirrors.lake, mirrors.third.\n');
  expect(program.said()).toContain('showing the tree of the new mirror');
  expect(await program.sync('third')).toMatchObject({ outcome: 'updated' });
  expect(await program.trigger('lake')).toMatchObject({ mirror: 'lake' });
});

test('a reload of the same file changes nothing', async () => {
  const program = await (await createPond()).start();
  expect(await byCommand(program)).toBe('Reloaded: nothing has changed.\n');
  expect(await bySignal(program, 'Reloaded: ')).toBe('Reloaded: nothing has changed.\n');
});

describe('refused whole: the program says why and goes on as it was', () => {
  test.each<[string, object, string]>([
    ['a key that is unknown', { grase: '1s' }, 'grase: unknown key; did you mean "grace"?'],
    [
      'a cron expression',
      { mirrors: { pond: { upstream: '/x/', schedule: '* *' } } },
      'mirrors.pond.schedule: "* *" is',
    ],
    ['an address that another program has', { listen: { http: 'TAKEN' } }, 'cannot listen on 127.0.0.1 port'],
  ])('%s', async (_, sections, sentence) => {
    const pond = await createPond();
    const program = await pond.start();
    await program.sync('pond');
    const taken = `127.0.0.1:${pond.daemon.port}`;
    const wrong = JSON.parse(JSON.stringify(sections).replace('TAKEN', taken)) as object;
    const added = { upstream: pond.daemon.url('pond'), schedule: 'manual' };
    await writeConfig(pond.home, { mirrors: { pond: pond.mirror, added }, ...wrong });
    expectRefusal(await runMillpond(program.config, 'reload'), sentence);
    const said = await bySignal(program, sentence);
    expect(said).toMatch(/^The configuration was not reloaded; the old one stays: /);
    await expectUnchanged(program);
  });

  test.each<[string, (config: string) => void, string]>([
    ['a file that is not YAML', (config) => writeFileSync(config, 'mirrors: ['), 'cannot be used:\n  line 1, column'],
    ['a file that is gone', (config) => rmSync(config), 'does not exist'],
    ['a file of another kind', (config) => (rmSync(config), mkdirSync(config)), 'it is not a regular file'],
  ])('%s', async (_, spoil, sentence) => {
    const program = await (await createPond()).start();
    await program.sync('pond');
    spoil(program.config);
    expectRefusal(await runMillpond(program.config, 'reload'), sentence);
    expect(await bySignal(program, sentence)).toContain('the old one stays');
    await expectUnchanged(program);
  });

  test('another data folder', async () => {
    const pond = await createPond();
    const program = await pond.start();
    await program.sync('pond');
    await writeConfig(pond.home, { mirrors: {}, data: './elsewhere' });
    const said = await bySignal(program, 'cannot be changed while Millpond runs');
    expect(said).toContain('Stop Millpond, move the folder, and start it again.');
    expect((await runMillpond(program.config, 'reload')).code).toBe(1);
    await expect(program.control('POST', '/reload')).rejects.toThrow('cannot be changed while Millpond runs');
    await expectUnchanged(program);
  });

  async function expectUnchanged(program: Program): Promise<void> {
    expect(await program.control('GET', '/status')).toMatchObject({ mirrors: [{ name: 'pond', verdict: {} }] });
    expect(await read(`${program.url}/pond/README`)).toEqual({ status: 200, text: 'hello' });
    expect((await program.sync('pond')).outcome).toBe('unchanged');
    expect((await read(`${program.url}/added/`)).status).toBe(404);
    expect(await program.end('SIGTERM')).toBe(0);
  }
});
