import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Crowd } from './crowd.js';
import { MIRROR, type FileServer } from './serve-servers.js';
import { cpuSeconds, outputOf, timed } from './workbench.js';

/** One request of a load; the path is below the mirror. */
export interface Asked {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const GIB = 1024 ** 3;

/**
 * Requests a second of `wrk`, one thread, which sends `requests` in turn. Every answer has `status`, or any that is no
 * failure where none is given. @throws Error where not all were answered so
 */
export async function requestsASecond(
  server: FileServer,
  load: { requests: readonly Asked[]; connections: number; seconds: number; folder: string; status?: number },
): Promise<number> {
  const script = join(load.folder, 'requests.lua');
  writeFileSync(script, scriptOf(load.requests, load.status));
  const options = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '30s', '-s', script];
  const text = await outputOf('wrk', [...options, server.url]);
  const ended = server.child.exitCode !== null || server.child.signalCode !== null;
  if (ended) throw new Error(`${server.name} has ended meanwhile`);
  const wrong = /^wrong: (?!0$)\d+$/m.test(text);
  if (wrong || /Socket errors/.test(text)) throw new Error(`${server.name} did not answer as it should: ${text}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
}

/** Strings of JSON are strings of Lua, as long as they are plain ASCII. */
function scriptOf(requests: readonly Asked[], status: number | undefined): string {
  const texts = requests.map(({ path, headers }) => {
    const fields = Object.entries({ Host: 'mirror.test', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    return JSON.stringify(`GET /${MIRROR}/${path} HTTP/1.1\r\n${fields.join('')}\r\n`);
  });
  const isWrong = status === undefined ? 'status >= 400' : `status ~= ${status}`;
  return `local requests = {${texts.join(',\n')}}
local turn, thread = 0, nil
wrong = 0
setup = function(started) thread = started end
request = function() turn = turn % #requests + 1; return requests[turn] end
response = function(status) if ${isWrong} then wrong = wrong + 1 end end
done = function() print("wrong: " .. thread:get("wrong")) end
`;
}

/** Each client is a curl that gets the file again and again over one connection: MB/s, and CPU seconds a GiB. */
export async function download(
  server: FileServer,
  load: { path: string; size: number; clients: number; downloads: number },
): Promise<{ rate: number; cpu: number }> {
  const each = Math.max(1, Math.round(load.downloads / load.clients));
  const urls = Array.from({ length: each }, () => ['-o', '/dev/null', server.url + load.path]).flat();
  const [cpu, started] = [cpuSeconds(server), performance.now()];
  await Promise.all(Array.from({ length: load.clients }, () => timed('curl', ['-sSf', ...urls])));
  const bytes = each * load.clients * load.size;
  return {
    rate: bytes / 1000 / (performance.now() - started),
    cpu: (cpuSeconds(server) - cpu) / (bytes / GIB),
  };
}

/** The largest memory (RSS, MB) that the server had while `count` clients took a file in very small steps. */
export async function memoryUnderSlowClients(
  server: FileServer,
  load: { path: string; count: number; seconds: number },
): Promise<number> {
  const crowd = await Crowd.gather(server, load.path, { slow: load.count, idle: 0 });
  try {
    let peak = 0;
    for (let second = 0; second < load.seconds; second++) {
      await delay(1000);
      peak = Math.max(peak, residentMegabytes(server.pid));
    }
    crowd.check();
    return peak;
  } finally {
    crowd.leave();
  }
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Whether a path is answered, and its entity tag. @throws Error when it is not */
export async function entityTagOf(server: FileServer, path: string): Promise<string> {
  const answer = await fetch(server.url + path, { method: 'HEAD' });
  const etag = answer.headers.get('etag');
  if (answer.status !== 200 || etag === null) throw new Error(`${server.name} answers ${path} with ${answer.status}`);
  return etag;
}
