import type { RawName } from '../../core/tree-path.js';

/** Something that the daemon has sent. */
export interface RsyncTransfer {
  readonly mirror: string;
  /** Of the client. */
  readonly address: string;
  /** Bytes of the connection that it took. */
  readonly bytes: number;
  /** The file, as segments below the mirror; null for the rest of a connection: lists of files, checksums. */
  readonly path: readonly RawName[] | null;
}

/** A connection of which the end has not been told. */
interface Connection {
  readonly mirror: string;
  readonly address: string;
  /** Bytes that were counted for its files. */
  told: number;
}

/** Longest line: a path of 4096 bytes with each of them as `\#ooo`, and what stands before it. */
const MAX_LINE = 5 * 4096 + 1024;
/** Connections whose end is never told, since they were killed, are forgotten beyond so many. */
const MAX_CONNECTIONS = 10_000;

const LINE = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[(\d+)\] (.*)$/s;
const BEGIN = /^rsync on ([^/\s]+)\/.* from .*\(([0-9a-fA-F.:]+)\)$/s;
const FILE = /^transfer send (\d+) (.*)$/s;
const END = /^sent ([\d,]+) bytes {2}received /;

/** Reads what rsyncd logs (with TRANSFER_FORMAT) and tells of what was sent. All else are its words. */
export class TransferLog {
  readonly #connections = new Map<string, Connection>();
  #rest = '';

  constructor(
    private readonly onTransfer: (transfer: RsyncTransfer) => void,
    private readonly onWords: (line: string) => void = () => undefined,
  ) {}

  push(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) this.#read(line);
  }

  #read(line: string): void {
    const [, pid = '', text = ''] = LINE.exec(line) ?? [];
    const file = FILE.exec(text);
    if (file) return this.#file(pid, file);
    const [, mirror, address] = BEGIN.exec(text) ?? [];
    if (mirror !== undefined && address !== undefined)
      return this.#begin(pid, { mirror: mirror.toLowerCase(), address, told: 0 });
    const sent = END.exec(text)?.[1];
    if (sent !== undefined) return this.#end(pid, Number(sent.replaceAll(',', '')));
    this.onWords(text || line);
  }

  #begin(pid: string, connection: Connection): void {
    this.#connections.delete(pid);
    this.#connections.set(pid, connection);
    const [oldest] = this.#connections.keys();
    if (this.#connections.size > MAX_CONNECTIONS && oldest !== undefined) this.#connections.delete(oldest);
  }

  #file(pid: string, [, size = '', path = '']: readonly string[]): void {
    const connection = this.#connections.get(pid);
    if (!connection) return;
    const { mirror, address } = connection;
    const bytes = Number(size);
    connection.told += bytes;
    this.onTransfer({ mirror, address, bytes, path: unescape(path).split('/').filter(Boolean) });
  }

  #end(pid: string, sent: number): void {
    const connection = this.#connections.get(pid);
    if (!connection) return;
    this.#connections.delete(pid);
    const { mirror, address, told } = connection;
    this.onTransfer({ mirror, address, bytes: Math.max(0, sent - told), path: null });
  }
}

/** rsync logs bytes that cannot be printed as `\#` and three octal digits (log.c). */
function unescape(path: string): string {
  return path.replace(/\\#([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8) & 0xff));
}
