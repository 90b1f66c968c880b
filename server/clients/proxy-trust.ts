import type { Socket } from 'node:net';
import { networkFinder } from '../../config/networks.js';
import type { TrustedProxies } from '../../core/zone.js';

/** Which proxies are believed when they say for whom they ask. */
export class ProxyTrust {
  readonly #find: (address: string) => boolean | undefined;
  readonly #trustsUnix: boolean;

  constructor(readonly proxies: TrustedProxies) {
    const networks = proxies.trusted.filter((text) => text.includes('/'));
    this.#find = networkFinder(networks.map((text) => [text, true]));
    this.#trustsUnix = proxies.trusted.includes('unix:');
  }

  isTrusted(address: string): boolean {
    return this.#find(address) === true;
  }

  /** `address` is that of the peer of `socket`. One that has just broken has none either, and is no Unix socket. */
  isTrustedPeer(address: string | undefined, socket: Socket): boolean {
    if (address !== undefined) return this.isTrusted(address);
    return this.#trustsUnix && !socket.destroyed && socket.localAddress === undefined;
  }
}
