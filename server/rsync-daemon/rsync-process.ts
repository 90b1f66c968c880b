import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MillpondError, systemCode } from '../../core/errors.js';
import { hostInUrl } from '../../core/upstream.js';
import { startChild, type Child } from '../../platform/child.js';

export interface RsyncProcessOptions {
  /** Path of its rsyncd.conf, which says the same address. */
  readonly config: string;
  /** Empty for every address of this machine. */
  readonly host: string;
  readonly port: number;
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its last words, for the case that it ends at once. */
  readonly log: () => Promise<string> | string;
}

const START_MS = 10_000;

/**
 * Starts `rsync --daemon` in the foreground and resolves when it answers. Its connections end with it, however it ends.
 * @throws MillpondError conflict (the port is taken), unavailable (rsync is missing, or ends at once)
 */
export async function startRsyncProcess(options: RsyncProcessOptions): Promise<Child> {
  // whoever listens on a taken port would be mistaken for our daemon
  await findFreePort(options.host, options.port);
  const child = startChild('rsync', ['--daemon', '--no-detach', `--config=${options.config}`], {
    env: options.env ?? {},
    groupEndsWithIt: true,
  });
  try {
    await untilItAnswers(child, options);
  } catch (error) {
    await child.end('did not start', 1000);
    throw error;
  }
  return child;
}

/** `wanted`, or for 0 any port that is free. @throws MillpondError conflict, unavailable */
export async function findFreePort(host: string, wanted: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port: wanted });
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : wanted;
  } catch (error) {
    if (systemCode(error) === 'EADDRINUSE') throw portTaken(host, wanted);
    const hint = systemCode(error) === 'EACCES' ? 'Ports under 1024 need a privilege that this user lacks.' : '';
    throw new MillpondError('unavailable', `rsync cannot listen on ${shown(host, wanted)}`, { hint, cause: error });
  } finally {
    server.close();
  }
}

async function untilItAnswers(child: Child, options: RsyncProcessOptions): Promise<void> {
  const { host, port } = options;
  let ended = false;
  void child.ended.then(() => (ended = true));
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (ended) throw await explainEnd(child, options);
    if ((await greets(host, port)) && !ended) return;
    await delay(20);
  }
  throw new MillpondError('unavailable', `the rsync daemon on ${shown(host, port)} does not answer`);
}

async function explainEnd(child: Child, { host, port, log }: RsyncProcessOptions): Promise<MillpondError> {
  const { code, stderr } = await child.ended;
  const said = await log();
  if (/address already in use/i.test(stderr + said)) return portTaken(host, port);
  const reason = (stderr.trim() || said.trim()).split('\n').at(-1) ?? '';
  return new MillpondError('unavailable', `the rsync daemon ended at once (exit ${code}): ${reason}`);
}

function portTaken(host: string, port: number): MillpondError {
  const message = `the port ${shown(host, port)} for the rsync daemon is taken by another program`;
  return new MillpondError('conflict', message, { hint: 'End that program, or choose another port.' });
}

function shown(host: string, port: number): string {
  return `${hostInUrl(host)}:${port}`;
}

/** Whether an rsync daemon says hello there; it speaks first. */
function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host === '' ? 'localhost' : host, port });
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
