import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { freePort, startMillpond, syncAll, writeSettings, type Workbench } from './workbench.js';

/** A server of the files: the same ones on the same disk for all. */
export interface FileServer {
  readonly name: string;
  /** Of the mirror, with a slash at its end. */
  readonly url: string;
  readonly child: ChildProcess;
  /** The process that answers. */
  readonly pid: number;
}

/** Millpond, as a university runs it. */
export interface OurServer extends FileServer {
  /** Whether it writes an access log, as nginx always does. */
  setAccessLog(on: boolean): Promise<void>;
}

export const MIRROR = 'pond';

/** The clients of the measurement are in the campus, which has no limits. */
const ZONES = {
  campus: { networks: ['127.0.0.0/8', '::1/128'] },
  public: { rate: '500Mbit/s', client: { rate: '10MB/s', connections: 16, requests: '50/s' } },
};

/** Millpond with its mirror published from `upstream`, and the folder that it serves. */
export async function startOurs(bench: Workbench, upstream: string): Promise<{ server: OurServer; root: string }> {
  const port = await freePort();
  const config = join(bench.folder, 'rsyncd.conf');
  const ids = process.getuid?.() === 0 ? 'uid = 0\ngid = 0\n' : '';
  writeFileSync(config, `port = ${port}\naddress = 127.0.0.1\nuse chroot = no\n${ids}[up]\npath = ${upstream}\n`);
  const daemon = bench.start('rsync', ['--daemon', '--no-detach', `--config=${config}`]);
  const folder = join(bench.folder, 'millpond');
  // room for a crowd of 12,000
  const listen = { http: '127.0.0.1:0', connections: 15_000 };
  const mirrors = { [MIRROR]: { upstream: `rsync://127.0.0.1:${port}/up/`, schedule: 'manual' } };
  const settings = { listen, zones: ZONES, mirrors };
  const millpond = await startMillpond(bench, folder, settings);
  await syncAll(millpond, [MIRROR]);
  await bench.end(daemon);
  const { child, url } = millpond;
  const setAccessLog = async (on: boolean): Promise<void> => {
    writeSettings(folder, { ...settings, ...(on ? { access_log: { file: 'access.log' } } : {}) });
    await millpond.client.reload();
  };
  const server = { name: 'millpond', url: `${url}/${MIRROR}/`, child, pid: child.pid ?? NaN, setAccessLog };
  return { server, root: join(folder, 'data', 'public') };
}

/** nginx as a mirror would run it, with the one process that a worker is. */
export async function startNginx(bench: Workbench, root: string): Promise<FileServer> {
  const folder = bench.newFolder();
  mkdirSync(join(folder, 'temp'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/temp/${kind};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit; worker_rlimit_nofile 10000;
     events { worker_connections 8000; }
     http {
       ${temporary.join(' ')}
       sendfile on; tcp_nopush on; keepalive_requests 1000000; access_log ${folder}/access.log;
       types { application/vnd.debian.binary-package deb; } default_type application/octet-stream;
       server { listen 127.0.0.1:${port} backlog=4096; root ${root}; autoindex on; }
     }`,
  );
  const child = bench.start('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', 'stderr'], {
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}/${MIRROR}/`;
  await untilAnswered(url, child);
  return { name: 'nginx', url, child, pid: child.pid ?? NaN };
}

/** express.static as most programs use it. */
export async function startExpress(bench: Workbench, root: string): Promise<FileServer> {
  const port = await freePort();
  const main = join(PACKAGE_ROOT, 'dist', 'bench', 'express-static.js');
  const child = bench.start(process.execPath, [main, root, String(port)]);
  const url = `http://127.0.0.1:${port}/${MIRROR}/`;
  await untilAnswered(url, child);
  return { name: 'express.static', url, child, pid: child.pid ?? NaN };
}

async function untilAnswered(url: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${child.spawnfile} did not start`);
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      await delay(20);
    }
  }
}
