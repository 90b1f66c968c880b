import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MillpondError, systemCode } from '../../core/errors.js';
import { startChild, type Child } from '../../platform/child.js';
import { DAEMON_MARK, endLeftOvers, OWNER_MARK } from './left-overs.js';

/** One module that a daemon exports; `options` are lines of rsyncd.conf(5) besides the ones set here. */
export interface RsyncModule {
  readonly name: string;
  readonly path: string;
  readonly options?: Readonly<Record<string, string>>;
}

export interface RsyncdOptions {
  readonly modules: readonly RsyncModule[];
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Where its configuration, lock and log are. */
  readonly runFolder: string;
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Rsyncd {
  readonly port: number;
  /** Ends the daemon and every transfer of it. */
  stop(): Promise<void>;
}

const START_MS = 10_000;

/**
 * Starts `rsync --daemon` in the foreground and resolves when it answers. A daemon that an earlier, killed program
 * left behind for the same `runFolder` is ended first.
 * @throws MillpondError conflict (the port is taken), unavailable (rsync is missing, or ends at once), invalid (a path)
 */
export async function startRsyncd(options: RsyncdOptions): Promise<Rsyncd> {
  await mkdir(options.runFolder, { recursive: true });
  await endLeftOvers(options.runFolder);
  const port = await freePort(options.host, options.port);
  const config = join(options.runFolder, 'rsyncd.conf');
  await writeFile(config, configText(options, port));
  await chmod(config, 0o600);
  await rm(logFile(options.runFolder), { force: true }); // it tells of this daemon only, and never grows for ever
  const child = startChild('rsync', ['--daemon', '--no-detach', `--config=${config}`], {
    env: { ...options.env, [DAEMON_MARK]: options.runFolder, [OWNER_MARK]: String(process.pid) },
  });
  try {
    await untilItAnswers(child, options, port);
  } catch (error) {
    await child.end('did not start', 1000);
    throw error;
  }
  return { port, stop: async () => void (await child.end('no longer needed', 2000)) };
}

function configText({ modules, host, runFolder }: RsyncdOptions, port: number): string {
  const lines = [
    `address = ${host}`,
    `port = ${port}`,
    'use chroot = no',
    'reverse lookup = no',
    `log file = ${checkedPath(logFile(runFolder))}`,
    `lock file = ${checkedPath(join(runFolder, 'rsyncd.lock'))}`,
  ];
  // as root rsyncd would read as "nobody", who may not enter our folders
  if (process.getuid?.() === 0) lines.push('uid = 0', 'gid = 0');
  for (const module of modules) {
    lines.push(`[${module.name}]`, `path = ${checkedPath(module.path)}`, 'read only = yes', 'list = yes');
    lines.push('munge symlinks = no');
    for (const [name, value] of Object.entries(module.options ?? {})) lines.push(`${name} = ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function logFile(runFolder: string): string {
  return join(runFolder, 'rsyncd.log');
}

/** rsyncd.conf(5) has no quoting: a line break would be a line, `%` a variable, a last backslash a continuation. */
function checkedPath(path: string): string {
  if (!/[\r\n%]|\\$|\s$/.test(path)) return path;
  throw new MillpondError('invalid', `the path ${JSON.stringify(path)} cannot be written into rsyncd.conf`, {
    hint: 'Choose a folder without line breaks and "%" in its path.',
  });
}

/** Whoever listens on a taken port would be mistaken for our daemon, so it is tried before. */
async function freePort(host: string, wanted: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port: wanted });
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : wanted;
  } catch (error) {
    if (systemCode(error) === 'EADDRINUSE') throw portTaken(host, wanted);
    throw new MillpondError('unavailable', `rsync cannot listen on ${host}:${wanted}`, { cause: error });
  } finally {
    server.close();
  }
}

async function untilItAnswers(child: Child, options: RsyncdOptions, port: number): Promise<void> {
  let ended = false;
  void child.ended.then(() => (ended = true));
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (ended) throw await explainEnd(child, options, port);
    if ((await greets(options.host, port)) && !ended) return;
    await delay(20);
  }
  throw new MillpondError('unavailable', `the rsync daemon on ${options.host}:${port} does not answer`);
}

async function explainEnd(child: Child, options: RsyncdOptions, port: number): Promise<MillpondError> {
  const { code, stderr } = await child.ended;
  const log = await readFile(logFile(options.runFolder), 'utf8').catch(() => '');
  if (/address already in use/i.test(stderr + log)) return portTaken(options.host, port);
  const reason = (stderr.trim() || log.trim()).split('\n').at(-1) ?? '';
  return new MillpondError('unavailable', `the rsync daemon ended at once (exit ${code}): ${reason}`);
}

function portTaken(host: string, port: number): MillpondError {
  return new MillpondError('conflict', `the port ${host}:${port} for the rsync daemon is taken by another program`, {
    hint: 'End that program, or choose another port.',
  });
}

/** Whether an rsync daemon says hello there; it speaks first. */
function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(2000, () => answer(false));
    socket.once('data', (chunk) => answer(chunk.toString('latin1').startsWith('@RSYNCD:')));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}
