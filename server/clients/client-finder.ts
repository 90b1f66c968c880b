import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Settings } from '../../config/settings.js';
import { zoneFinder } from '../../config/zones.js';
import { PUBLIC_ZONE } from '../../core/zone.js';
import { peerAddress } from '../peer-address.js';
import { forwardedAddresses } from './forwarded.js';
import { ProxyTrust } from './proxy-trust.js';

/** Whoever a request comes from. Requests of one address are given the same object, while that is remembered. */
export interface Client {
  /** In its one spelling, IPv4 also where it came written as IPv6; null through a Unix socket, or when it has gone. */
  readonly address: string | null;
  readonly family: 'IPv4' | 'IPv6' | null;
  readonly zone: string;
  /** What limits count by: an IPv4 address, an IPv6 network of 64 bits, or `unix:`. */
  readonly key: string;
  /** Whether the connection is a trusted proxy's: its next request may be another client's. */
  readonly isProxied: boolean;
}

export type ClientOf = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => Client;

type ClientSettings = Pick<Settings, 'zones' | 'proxies'>;

/** A connection of a trusted proxy, and the clients that it has asked for by what its field said. */
interface Proxy {
  readonly address: string | undefined;
  readonly byField: LRUCache<string, Client>;
}

/** Addresses that are remembered. */
const REMEMBERED = 20_000;
/** Fields that are remembered of a connection, and the characters of the longest. */
const FIELDS_REMEMBERED = 100;
const LONGEST_REMEMBERED = 200;

/**
 * Finds the client of a request: the peer of its connection, or the last one in the forwarding field that is no trusted
 * proxy, when the peer is one. `settings()` is asked each time.
 */
export function clientFinder(settings: () => ClientSettings): ClientOf {
  let finder = new Finder(settings());
  return (request) => {
    const { zones, proxies } = settings();
    if (zones !== finder.settings.zones || proxies !== finder.settings.proxies) finder = new Finder({ zones, proxies });
    return finder.clientOf(request);
  };
}

/** Finds the zone of an address that somebody else's log names. `settings()` is asked each time. */
export function zoneOfAddress(settings: () => Pick<Settings, 'zones'>): (address: string) => string {
  let { zones } = settings();
  let zoneOf = zoneFinder(zones.values());
  return (address) => {
    const now = settings().zones;
    if (now !== zones) zoneOf = zoneFinder((zones = now).values());
    return zoneOf(address);
  };
}

/** What holds for one state of the settings. */
class Finder {
  readonly #zoneOf: (address: string | undefined) => string;
  readonly #trust: ProxyTrust;
  /** Of connections: whose all of their requests are, or the proxy whose field says it of each. */
  readonly #bySocket = new WeakMap<Socket, Client | Proxy>();
  readonly #byAddress = new LRUCache<string, Client>({ max: REMEMBERED });

  constructor(readonly settings: ClientSettings) {
    this.#zoneOf = zoneFinder(settings.zones.values());
    this.#trust = new ProxyTrust(settings.proxies);
  }

  clientOf(request: Pick<IncomingMessage, 'socket' | 'headers'>): Client {
    let known = this.#bySocket.get(request.socket);
    if (!known) {
      known = this.#meet(request.socket);
      this.#bySocket.set(request.socket, known);
    }
    return 'byField' in known ? this.#clientBehind(known, request.headers) : known;
  }

  #meet(socket: Socket): Client | Proxy {
    const { address } = peerAddress(socket);
    if (!this.#trust.isTrustedPeer(address, socket)) return this.#client(address, false);
    return { address, byField: new LRUCache({ max: FIELDS_REMEMBERED }) };
  }

  #clientBehind({ address, byField }: Proxy, headers: IncomingMessage['headers']): Client {
    const field = String(headers[this.settings.proxies.header] ?? '');
    const known = byField.get(field);
    if (known) return known;
    const client = field === '' ? this.#client(address, true) : this.#clientSaid(field, address);
    if (field.length <= LONGEST_REMEMBERED) byField.set(field, client);
    return client;
  }

  /** A field that cannot be read gives nobody the zone of the proxy: the client may have made it so. */
  #clientSaid(field: string, proxy: string | undefined): Client {
    const address = this.#forwardedFor(field);
    return address === undefined
      ? { ...placeOf(proxy), zone: PUBLIC_ZONE, isProxied: true }
      : this.#client(address, true);
  }

  /** Undefined where something in the field that matters is no address. */
  #forwardedFor(field: string): string | undefined {
    const addresses = forwardedAddresses(this.settings.proxies.header, field);
    for (let index = (addresses?.length ?? 0) - 1; index >= 0; index--) {
      const address = addresses?.[index];
      if (address === undefined || index === 0 || !this.#trust.isTrusted(address)) return address;
    }
    return undefined;
  }

  #client(address: string | undefined, isProxied: boolean): Client {
    const name = isProxied ? `proxied ${address}` : String(address);
    const known = this.#byAddress.get(name);
    if (known) return known;
    const client = { ...placeOf(address), zone: this.#zoneOf(address), isProxied };
    this.#byAddress.set(name, client);
    return client;
  }
}

function placeOf(address: string | undefined): Pick<Client, 'address' | 'family' | 'key'> {
  if (address === undefined || !ipaddr.isValid(address)) return { address: null, family: null, key: 'unix:' };
  const parsed = ipaddr.process(address);
  const text = parsed.toString();
  if (parsed instanceof ipaddr.IPv4) return { address: text, family: 'IPv4', key: text };
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${text}/64`);
  return { address: text, family: 'IPv6', key: `${network.toString()}/64` };
}
