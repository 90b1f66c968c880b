import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { processesWithEnvironment } from '../../platform/processes.js';
import { runMillpond } from '../fixtures/command-line.js';
import { freePort } from '../fixtures/free-port.js';
import { createPond, PATIENT, read } from '../fixtures/pond.js';
import { writeConfig } from '../fixtures/program.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

function rsync(...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile('rsync', args, (_, out, said) => resolve(out + said));
  });
}

/** A pond that is served over rsync at `url`, and published. */
async function servedPond() {
  const pond = await createPond();
  const port = await freePort();
  const listen = { http: '127.0.0.1:0', rsync: `127.0.0.1:${port}` };
  const program = await pond.start({ listen });
  await program.sync('pond');
  return { pond, listen, program, url: `rsync://127.0.0.1:${port}/` };
}

test('trees are served over rsync as they are published, where the settings say so', async () => {
  const { pond, listen, program, url } = await servedPond();
  writeTree(pond.up, { 'pool/new': 'new' });
  await program.sync('pond');
  expect((await read(`${program.url}/status/pond`)).text).toContain(`${url}pond/`);
  const copy = join(pond.folder, 'copy');
  await rsync('-a', `${url}pond/`, copy);
  expect(snapshot(copy)).toEqual(snapshot(pond.up));
  const metrics = async (): Promise<string> => (await read(`${program.url}/metrics`)).text;
  expect(await metrics()).toContain('\nmillpond_rsync_up 1\n');
  await expect.poll(metrics, PATIENT).toMatch(/\{zone="public",family="v4",protocol="rsync"\} [1-9]/);

  await writeConfig(pond.home, { listen: { http: listen.http }, mirrors: { pond: pond.mirror } });
  expect((await runMillpond(program.config, 'reload')).stdout).toBe('Reloaded: changed listen.rsync.\n');
  expect(await rsync(url)).toContain('Connection refused');
});

test('the daemon ends with the program; that of a killed one is ended by the next, which listens in its place', async () => {
  const { pond, listen, program, url } = await servedPond();
  await program.end('SIGKILL');
  const left = await processesWithEnvironment('MILLPOND_CHILD_OF', program.data);
  expect(left).not.toEqual([]);
  const next = await pond.start({ listen });
  expect(await rsync(url)).toMatch(/^pond /);
  const now = await processesWithEnvironment('MILLPOND_CHILD_OF', program.data);
  expect(now.filter((pid) => left.includes(pid))).toEqual([]);

  expect(await next.end('SIGTERM')).toBe(0);
  expect(await processesWithEnvironment('MILLPOND_CHILD_OF', next.data)).toEqual([]);
  expect(await rsync(url)).toContain('Connection refused');
});
