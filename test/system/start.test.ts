import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectRefusal, runMillpond } from '../fixtures/command-line.js';
import { createPond, endOf, holdRun, read, runsOf, type Pond } from '../fixtures/pond.js';
import { writeConfig } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

/** A data folder with a published mirror, of a program that has ended. */
async function usedBefore(): Promise<Pond & { config: string; data: string }> {
  const pond = await createPond();
  const program = await pond.start();
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(await program.end('SIGTERM')).toBe(0);
  return { ...pond, config: program.config, data: program.data };
}

describe('a configuration that cannot be used is told in a sentence, and nothing is started or made', () => {
  const mirror = (name: string, fields: string): string => `mirrors:\n  ${name}: { ${fields} }\n`;
  const good = 'upstream: "rsync://127.0.0.1:1/pond/"';

  test.each([
    ['unknown key', mirror('pond', `${good}, shedule: manual`), /mirrors\.pond\.shedule: .*did you mean "schedule"\?/],
    ['unknown section', 'mirors: {}\n', /mirors: unknown key; did you mean "mirrors"\? \(line 2\)/],
    [
      'cron',
      mirror('pond', `${good}, schedule: "61 * * * *"`),
      /"61 \* \* \* \*" is not a cron .* minute must be 0-59/,
    ],
    [
      'URL',
      mirror('pond', 'upstream: "htp://a/b/", schedule: manual'),
      /pond\.upstream: "htp:\/\/a\/b\/".* write rsync:/,
    ],
    ['reserved name', mirror('status', `${good}, schedule: manual`), /"status" is reserved .*; choose another name/],
    [
      'name that escapes',
      mirror('"../x"', `${good}, schedule: manual`),
      /"\.\.\/x" is not a mirror name: 1 to 64 of a-z/,
    ],
    ['name of dots', mirror('".."', `${good}, schedule: manual`), /"\.\." is not a mirror name/],
    [
      'address',
      'listen: { http: "127.0.0.1:99999" }\n',
      /listen\.http: "127\.0\.0\.1:99999".*write it as 127\.0\.0\.1:8080/,
    ],
    ['YAML', 'mirrors: [\n', /line \d+, column \d+: /],
    ['empty file', '', /it is empty/],
  ])('%s', async (_, text, sentence) => {
    const folder = await tempFolder();
    const config = join(folder, 'millpond.yaml');
    writeFileSync(config, text === '' ? '' : `data: ./data\n${text}`);
    const end = await runMillpond(config, 'serve');
    expectRefusal(end, `the configuration "${config}" cannot be used`, sentence);
    expect(readdirSync(folder)).toEqual(['millpond.yaml']);
  });

  test('file that is missing', async () => {
    const config = join(await tempFolder(), 'millpond.yaml');
    expectRefusal(await runMillpond(config, 'serve'), `the configuration "${config}" does not exist`, 'millpond init');
    expect(existsSync(config)).toBe(false);
  });

  test('and what an earlier program kept stays byte for byte', async () => {
    const { config, data } = await usedBefore();
    const before = snapshot(data);
    writeFileSync(config, readFileSync(config, 'utf8').replace('manual', 'sometimes'));
    expectRefusal(await runMillpond(config, 'serve'), 'mirrors.pond.schedule: "sometimes"');
    expect(snapshot(data)).toEqual(before);
  });
});

describe('a data folder that cannot be used is told in a sentence, and what is in the way stays', () => {
  const pond = { pond: { upstream: 'rsync://127.0.0.1:1/pond/', schedule: 'manual' } };
  const unusable = (folder: string): RegExp => new RegExp(`the data folder "[^"]*${folder}" cannot be used: .*`);
  const writable = 'be writable by the user that runs Millpond';

  test.each([
    ['a file is there', { data: 'x' }, './data', [unusable('/data'), writable]],
    ['a file is where it should be made', { file: 'x' }, './file/data', [unusable('/file/data'), writable]],
    ['nothing can be made there', {}, '/proc/millpond', [unusable('/proc/millpond'), writable]],
    ['nothing can be made there or below', {}, '/proc/millpond/data', [unusable('/proc/millpond/data'), writable]],
    ['run/ is a file', { 'data/run': 'x' }, './data', [unusable('/data'), writable]],
    [
      'state.db is a folder',
      { 'data/state.db/x': '' },
      './data',
      [/the database "[^"]*state\.db" cannot be opened/, 'writable'],
    ],
    ['mirrors/ is a file', { 'data/mirrors': 'x' }, './data', [unusable('/data'), writable]],
    ['public/ is a file', { 'data/public': 'x' }, './data', [unusable('/data'), writable]],
    [
      'its path is too long for a socket',
      {},
      `./${'x'.repeat(100)}`,
      [/path of the control socket .* longer than 107 bytes/, 'shorter path'],
    ],
  ])('%s', async (_, files, data, sentences) => {
    const folder = await tempFolder();
    writeTree(folder, files);
    const config = await writeConfig(folder, { mirrors: pond, data });
    const before = snapshot(folder);
    expectRefusal(await runMillpond(config, 'serve'), ...sentences);
    expect(snapshot(folder)).toMatchObject(before);
  });
});

describe('a state.db that is damaged stays byte for byte as it was, and the trees with it', () => {
  function damage(file: string, at: number): void {
    const handle = openSync(file, 'r+');
    writeSync(handle, randomBytes(4096), 0, 4096, at);
    closeSync(handle);
  }

  test.each([
    ['from its first byte', 0],
    ['in the middle', 8192],
  ])('%s; without it the published tree is served again', async (_, at) => {
    const { config, data, start } = await usedBefore();
    const file = join(data, 'state.db');
    damage(file, at);
    const before = snapshot(data);
    expectRefusal(await runMillpond(config, 'serve'), `the database "${file}" is damaged`, 'Move the file');
    expect(snapshot(data)).toEqual(before);
    renameSync(file, `${file}.damaged`);
    const program = await start();
    expect(await read(`${program.url}/pond/README`)).toEqual({ status: 200, text: 'hello' });
  });
});

test('a second program on a data folder is refused, and the first serves and syncs on', async () => {
  const pond = await createPond();
  const program = await pond.start();
  await program.sync('pond');
  const run = await holdRun(pond, program);
  const end = await runMillpond(program.config, 'serve');
  expectRefusal(end, `another Millpond is using the data folder "${program.data}"`, 'Stop it first');
  expect(await read(`${program.url}/pond/README`)).toEqual({ status: 200, text: 'hello' });
  pond.proxy.resume();
  expect(await endOf(program, run.id)).toMatchObject({ outcome: 'updated' });
  expect(snapshot(join(program.data, 'mirrors/pond/live'))).toEqual(snapshot(pond.up));
  expect(await program.end('SIGTERM')).toBe(0);
});

test('a port that another program has is told, and the next start has all that there was', async () => {
  const { config, data, home, mirror, start } = await usedBefore();
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const trees = snapshot(join(data, 'mirrors'));
  await writeConfig(home, { mirrors: { pond: mirror }, listen: { http: `127.0.0.1:${port}` } });
  const end = await runMillpond(config, 'serve');
  expectRefusal(
    end,
    `cannot listen on 127.0.0.1 port ${port}: another program listens there`,
    'Choose another address',
  );
  expect(snapshot(join(data, 'mirrors'))).toEqual(trees);
  const program = await start();
  expect(await runsOf(program, 'pond')).toMatchObject([{ outcome: 'updated' }]);
  expect(await read(`${program.url}/pond/README`)).toEqual({ status: 200, text: 'hello' });
});
