import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';

/** For so long one reading of the table serves all who ask. */
const FRESH_MS = 1000;

let table: { readonly text: Promise<string>; readonly at: number } | undefined;

/**
 * Bytes that the kernel holds for a TCP connection and the client has not acknowledged: tx_queue in proc(5), so without
 * any addon. Undefined where that cannot be told: another system, a Unix socket, a connection that has gone.
 */
export async function queuedInKernel(socket: Socket): Promise<number | undefined> {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return undefined;
  const isV6 = socket.remoteFamily === 'IPv6';
  const ends = ` ${endpoint(localAddress, localPort, isV6)} ${endpoint(remoteAddress, remotePort, isV6)} `;
  const text = await readTable();
  const at = text.indexOf(ends);
  if (at < 0) return undefined;
  const queue = /^\w\w (\w+):/.exec(text.slice(at + ends.length, at + ends.length + 20))?.[1];
  return queue === undefined ? undefined : parseInt(queue, 16);
}

function readTable(): Promise<string> {
  const now = performance.now();
  if (!table || now - table.at > FRESH_MS) {
    const files = ['tcp', 'tcp6'].map((name) => readFile(`/proc/self/net/${name}`, 'latin1').catch(() => ''));
    table = { text: Promise.all(files).then((texts) => texts.join('')), at: now };
  }
  return table.text;
}

/** As the table has it: each four bytes as a number of this (little-endian) machine, then the port. */
function endpoint(address: string, port: number, isV6: boolean): string {
  const parsed = ipaddr.parse(address);
  const bytes = (
    isV6 && parsed.kind() === 'ipv4' ? (parsed as ipaddr.IPv4).toIPv4MappedAddress() : parsed
  ).toByteArray();
  const words: string[] = [];
  for (let at = 0; at < bytes.length; at += 4) words.push(hex([...bytes.slice(at, at + 4)].reverse()));
  return `${words.join('')}:${hex([port >> 8, port & 255])}`;
}

function hex(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
