import { randomBytes } from 'node:crypto';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

const MAX_HEAD_BYTES = 8 * 1024;
const CONNECT_TIMEOUT_MS = 60_000;
/** How much may come at once before the rate is held, as a share of a second. */
const BURST_SECONDS = 0.25;

export interface ThrottledTarget {
  readonly host: string;
  readonly port: number;
  /** Bytes a second that may come from the target now; asked again and again. */
  readonly rate: () => number;
}

/**
 * An HTTP CONNECT proxy on loopback (RFC 9110, 9.3.6) whose connections have a rate that can change while they are
 * open. Each target has a token of its own: whoever does not know one is not let through, and a token leads nowhere else.
 */
export class ThrottleProxy {
  readonly #targets = new Map<string, ThrottledTarget>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  /** Lets `target` be reached. `address` is `user:password@host:port`, as RSYNC_PROXY has it (rsync(1)). */
  async open(target: ThrottledTarget): Promise<{ address: string; close: () => void }> {
    const server = (this.#server ??= createServer((socket) => this.#serve(socket)).listen(0, '127.0.0.1'));
    if (!server.listening) await once(server, 'listening');
    const token = randomBytes(16).toString('hex');
    this.#targets.set(token, target);
    const { port } = server.address() as AddressInfo;
    return { address: `pull:${token}@127.0.0.1:${port}`, close: () => this.#targets.delete(token) };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
    this.#server = null;
  }

  #serve(client: Socket): void {
    this.#keep(client);
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.length <= MAX_HEAD_BYTES) return;
      client.off('data', onData).pause();
      const target = end < 0 ? undefined : this.#targets.get(tokenOf(head.subarray(0, end).toString('latin1')));
      if (target) this.#connect(client, target, head.subarray(end + 4));
      else refuse(client, '407 Proxy Authentication Required');
    };
    client.on('data', onData);
  }

  #connect(client: Socket, target: ThrottledTarget, early: Buffer): void {
    const remote = connect({ host: target.host, port: target.port });
    this.#keep(remote);
    client.once('close', () => remote.destroy()); // upstream must not keep a connection of a pull that was ended
    remote.setTimeout(CONNECT_TIMEOUT_MS, () => remote.destroy(new Error('connection timed out')));
    remote.once('error', (error) => refuse(client, `502 ${reason(error)}`));
    remote.once('connect', () => {
      remote
        .setTimeout(0)
        .removeAllListeners('error')
        .on('error', () => client.destroy());
      client.on('error', () => remote.destroy());
      remote.on('close', () => client.end());
      client.write('HTTP/1.0 200 Connection established\r\n\r\n');
      remote.write(early);
      client.pipe(remote);
      throttle(remote, client, target.rate);
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
  }
}

/** Copies `from` to `to` at no more than `rate()` bytes a second, and no faster than `to` takes it. */
function throttle(from: Socket, to: Socket, rate: () => number): void {
  let allowedFrom = Date.now(); // when the bytes sent so far would have been due
  let drained = true;
  const resume = (): void => {
    const wait = allowedFrom - Date.now() - BURST_SECONDS * 1000;
    if (wait > 0) setTimeout(resume, wait);
    else if (drained) from.resume();
  };
  to.on('drain', () => {
    drained = true;
    resume();
  });
  from.on('data', (chunk: Buffer) => {
    const now = Date.now();
    allowedFrom = Math.max(allowedFrom, now) + (chunk.length / Math.max(1, rate())) * 1000;
    drained = to.write(chunk);
    if (drained && allowedFrom - now <= BURST_SECONDS * 1000) return;
    from.pause();
    resume();
  });
}

function tokenOf(head: string): string {
  const basic = /^CONNECT .*^Proxy-Authorization: Basic (\S+)\s*$/ims.exec(head)?.[1] ?? '';
  return Buffer.from(basic, 'base64')
    .toString('latin1')
    .replace(/^pull:/, '');
}

function refuse(client: Socket, status: string): void {
  client.end(`HTTP/1.0 ${status}\r\n\r\n`);
}

/** The words that the C library has for it, since rsync passes them on and they are looked for there. */
function reason(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOTFOUND') return 'Name or service not known';
  if (error.code === 'EAI_AGAIN') return 'Temporary failure in name resolution';
  return error.code === 'ECONNREFUSED' ? 'Connection refused' : (error.code ?? error.message);
}
