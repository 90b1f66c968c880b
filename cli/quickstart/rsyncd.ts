import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort, startRsyncProcess } from '../../server/rsync-daemon/rsync-process.js';
import { sameUser, writablePath } from '../../server/rsync-daemon/rsyncd-conf.js';
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

/**
 * Starts `rsync --daemon` in the foreground and resolves when it answers. A daemon that an earlier, killed program
 * left behind for the same `runFolder` is ended first.
 * @throws MillpondError conflict (the port is taken), unavailable (rsync is missing, or ends at once), invalid (a path)
 */
export async function startRsyncd(options: RsyncdOptions): Promise<Rsyncd> {
  const { host, runFolder } = options;
  await mkdir(runFolder, { recursive: true });
  await endLeftOvers(runFolder);
  const port = await findFreePort(host, options.port);
  const config = join(runFolder, 'rsyncd.conf');
  await writeFile(config, configText(options, port));
  await chmod(config, 0o600);
  await rm(logFile(runFolder), { force: true }); // it tells of this daemon only, and never grows for ever
  const child = await startRsyncProcess({
    ...{ config, host, port },
    env: { ...options.env, [DAEMON_MARK]: runFolder, [OWNER_MARK]: String(process.pid) },
    log: () => readFile(logFile(runFolder), 'utf8').catch(() => ''),
  });
  return { port, stop: async () => void (await child.end('no longer needed', 2000)) };
}

function configText({ modules, host, runFolder }: RsyncdOptions, port: number): string {
  const lines = [
    `address = ${host}`,
    `port = ${port}`,
    'use chroot = no',
    'reverse lookup = no',
    `log file = ${writablePath(logFile(runFolder))}`,
    `lock file = ${writablePath(join(runFolder, 'rsyncd.lock'))}`,
    ...sameUser(),
  ];
  for (const module of modules) {
    lines.push(`[${module.name}]`, `path = ${writablePath(module.path)}`, 'read only = yes', 'list = yes');
    lines.push('munge symlinks = no');
    for (const [name, value] of Object.entries(module.options ?? {})) lines.push(`${name} = ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function logFile(runFolder: string): string {
  return join(runFolder, 'rsyncd.log');
}
