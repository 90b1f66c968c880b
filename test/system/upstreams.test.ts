import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Run } from '../../core/run.js';
import { processesWithEnvironment } from '../../platform/processes.js';
import { startCuttingProxy } from '../fixtures/cutting-proxy.js';
import { startSilentUpstream } from '../fixtures/hanging-upstream.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { startDaemon, type Daemon, type DaemonOptions } from '../fixtures/rsync-daemon.js';
import { startSshServer, type SshServer } from '../fixtures/ssh-server.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const NO_RETRY = { schedule: 'manual', retry: { attempts: 1 } };

/** A tree to mirror, whose path has a blank in it, and the folder of the program to be. */
async function scene(): Promise<{ up: string; home: string }> {
  const folder = await tempFolder();
  const up = join(folder, 'somewhere private');
  mkdirSync(up);
  writeTree(up, { 'a file': 'one', 'pool/b.bin': randomBytes(300_000), 'pool/ü': 'two' });
  const home = join(folder, 'millpond');
  mkdirSync(home);
  return { up, home };
}

async function exported(up: string, options: Partial<DaemonOptions> = {}): Promise<Daemon> {
  const daemon = await startDaemon({ modules: { pond: up }, ...options });
  onTestFinished(() => daemon.stop());
  return daemon;
}

function live(program: Program): Record<string, string> {
  return snapshot(join(program.data, 'mirrors/pond/live'));
}

function logOf(program: Program, run: Run): string {
  return readFileSync(join(program.data, 'logs/pond', `${run.id}.log`), 'utf8');
}

test('a local folder is mirrored, and nobody outside learns where it is', async () => {
  const { up, home } = await scene();
  const program = await startProgram(home, { pond: { upstream: '../somewhere private', ...NO_RETRY } });
  const run = await program.sync('pond');
  expect(run).toMatchObject({ outcome: 'updated', upstream: 'local folder' });
  expect(live(program)).toEqual(snapshot(up));
  writeTree(up, { 'a file': 'changed' });
  rmSync(join(up, 'pool/ü'));
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated', numbers: { deletedFiles: 1 } });
  expect(live(program)).toEqual(snapshot(up));
  expect(await shownToAll(program, run)).not.toContain('somewhere private');
});

test('host::module is mirrored', async () => {
  const { up, home } = await scene();
  const daemon = await exported(up);
  // such an upstream is always at port 873, which tests may not take: an rsync in front of the real one names ours
  const bin = join(home, 'bin');
  mkdirSync(bin);
  const real = execFileSync('which', ['rsync'], { encoding: 'utf8' }).trim();
  writeFileSync(join(bin, 'rsync'), `#!/bin/sh\nexec ${real} --port=${daemon.port} "$@"\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}${delimiter}${process.env['PATH']}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const program = await startProgram(home, { pond: { upstream: '127.0.0.1::pond', ...NO_RETRY } });
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated', upstream: '127.0.0.1::pond/' });
  expect(live(program)).toEqual(snapshot(up));
});

test('rsync over ssh uses the key and the port of the configuration and remembers the host', async () => {
  const { up, home } = await scene();
  const ssh = await startSshServer(join(home, 'ssh server'));
  onTestFinished(() => ssh.stop());
  const program = await startProgram(home, { pond: overSsh(ssh, up, './ssh server/client key') });
  const run = await program.sync('pond');
  expect(run).toMatchObject({ outcome: 'updated', upstream: `127.0.0.1:${up}/` });
  expect(live(program)).toEqual(snapshot(up));
  const knownHosts = join(program.data, 'run/known_hosts');
  expect(keysOf(ssh, knownHosts)).toEqual([await ssh.hostKey()]);
});

function overSsh(ssh: SshServer, up: string, key: string): object {
  return { upstream: `${ssh.login}:${up}/`, ssh_port: ssh.port, ssh_key: key, ...NO_RETRY };
}

/** The keys by which the host is known there; its name may be hashed. */
function keysOf(ssh: SshServer, knownHosts: string): string[] {
  const printed = execFileSync('ssh-keygen', ['-F', `[127.0.0.1]:${ssh.port}`, '-f', knownHosts], { encoding: 'utf8' });
  return printed
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' ').slice(1, 3).join(' '));
}

test('a host whose key has changed is refused, until a person has taken the old key away', async () => {
  const { up, home } = await scene();
  const ssh = await startSshServer(join(home, 'ssh server'));
  onTestFinished(() => ssh.stop());
  const program = await startProgram(home, { pond: overSsh(ssh, up, ssh.key) });
  await program.sync('pond');
  const before = live(program);
  const knownHosts = join(program.data, 'run/known_hosts');
  const known = readFileSync(knownHosts, 'utf8');
  await ssh.changeHostKey();
  writeTree(up, { 'a file': 'from whom?' });
  const refused = await program.sync('pond');
  expect(refused).toMatchObject({ outcome: 'failed', failure: 'refused' });
  expect(refused.message).toMatch(/Host key verification failed/);
  expect(logOf(program, refused)).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
  expect(live(program)).toEqual(before);
  expect(readFileSync(knownHosts, 'utf8')).toBe(known);
  execFileSync('ssh-keygen', ['-R', `[127.0.0.1]:${ssh.port}`, '-f', knownHosts], { stdio: 'ignore' });
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  expect(live(program)).toEqual(snapshot(up));
});

test('a key that the ssh server does not know is a refusal', async () => {
  const { up, home } = await scene();
  const ssh = await startSshServer(join(home, 'ssh server'));
  onTestFinished(() => ssh.stop());
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(home, 'stranger')]);
  const program = await startProgram(home, { pond: overSsh(ssh, up, './stranger') });
  const run = await program.sync('pond');
  expect(run).toMatchObject({ outcome: 'failed', failure: 'refused' });
  expect(run.message).toMatch(/Permission denied/);
});

test.each(['file', 'env'])(
  'a password from "%s" opens a daemon and is seen nowhere while it is used',
  async (where) => {
    const { up, home } = await scene();
    const password = 'xk7 Brückenwärter-42';
    writeTree(up, { big: randomBytes(8_000_000) });
    const daemon = await exported(up, { auth: { user: 'mirrorer', password } });
    const proxy = await startCuttingProxy(daemon.port);
    onTestFinished(() => proxy.stop());
    writeFileSync(join(home, 'pond.pw'), `${password}\n`, { mode: 0o600 });
    vi.stubEnv('POND_PASSWORD', password);
    onTestFinished(() => void vi.unstubAllEnvs());
    const upstream = proxy.url('pond').replace('//', '//mirrorer@');
    const source = where === 'file' ? { file: './pond.pw' } : { env: 'POND_PASSWORD' };
    const program = await startProgram(home, { pond: { upstream, password: source, ...NO_RETRY } });
    const run = await program.trigger('pond');
    await proxy.untilDown(1_000_000);
    proxy.stall();
    const children = await processesWithEnvironment('MILLPOND_CHILD_OF', program.data);
    expect(children.length).toBeGreaterThan(0);
    expect(children.filter((pid) => readProcess(`${pid}`, 'environ').includes(password))).toEqual([]);
    const everybody = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    expect(everybody.filter((pid) => readProcess(pid, 'cmdline').includes(password))).toEqual([]);
    expect(await shownToAll(program, run)).not.toMatch(new RegExp(`${password}|mirrorer`));
    proxy.resume();
    expect(await ended(program, run)).toMatchObject({ outcome: 'updated' });
    expect(live(program)).toEqual(snapshot(up));
    expect(await shownToAll(program, run)).not.toMatch(new RegExp(`${password}|mirrorer`));
    expect(await shownToOperator(program, run)).not.toContain(password);
    expect(execFileSync('grep', ['-rlaF', '--', password, home], { encoding: 'utf8' })).toBe(`${home}/pond.pw\n`);
  },
);

function readProcess(pid: string, file: 'cmdline' | 'environ'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}

async function ended(program: Program, run: Run): Promise<Run> {
  let now = run;
  await expect
    .poll(async () => (now = await program.control<Run>('GET', `/runs/${run.id}`)).phase, { timeout: 30_000 })
    .toBe('ended');
  return now;
}

/** All that anybody can read over HTTP about the mirror and the run. */
async function shownToAll(program: Program, { id }: Run): Promise<string> {
  const pages = ['/', '/status', '/status/pond', `/status/pond/runs/${id}`, `/status/pond/runs/${id}/log`];
  const data = ['mirrors', 'mirrors/pond', 'mirrors/pond/runs', `runs/${id}`].map((path) => `/api/v1/${path}`);
  const paths = [...pages, ...data, '/static/tunasync.json', '/metrics'];
  const answers = await Promise.all(paths.map(async (path) => await (await fetch(program.url + path)).text()));
  return answers.join('\n');
}

/** What the program prints, and tells on its control socket. */
async function shownToOperator(program: Program, { id }: Run): Promise<string> {
  const told = await Promise.all(
    ['/status', '/mirrors/pond/runs', `/runs/${id}`].map((path) => program.control<unknown>('GET', path)),
  );
  return JSON.stringify(told) + program.said();
}

test('of a list of upstreams the first that lives is taken, whatever kind the dead ones are', async () => {
  const { up, home } = await scene();
  const dead = await startDaemon({ modules: { pond: up } });
  await dead.stop();
  const silent = await startSilentUpstream();
  onTestFinished(() => silent.stop());
  const daemon = await exported(up);
  const upstream = [dead.url('pond'), `127.0.0.1:${up}`, silent.url('pond'), daemon.url('pond')];
  const pond = { upstream, ssh_port: dead.port, stall: '1s', ...NO_RETRY };
  const program = await startProgram(home, { pond });
  const run = await program.sync('pond');
  expect(run).toMatchObject({ outcome: 'updated', upstream: daemon.url('pond') });
  expect(live(program)).toEqual(snapshot(up));
  const passedOver = logOf(program, run).match(/.*Trying the next upstream/g);
  expect(passedOver?.length).toBe(3);
});
