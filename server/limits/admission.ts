import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Settings } from '../../config/settings.js';
import { NO_LIMITS, type ZoneLimits } from '../../core/zone.js';
import { onceGone } from '../client-gone.js';
import type { Client, ClientOf } from '../clients/client-finder.js';
import { mirrorAskedFor } from '../files/request-target.js';
import { setPacer, type Pace } from '../pace.js';
import { ZoneState, type ClientState } from './zone-state.js';

/** Why a request is refused. */
export interface Denial {
  readonly kind: 'read' | 'requests' | 'connections' | 'zone-connections';
  readonly status: 403 | 429;
  /** The setting that says so, as its path in the configuration: `zones.public.client.requests`. */
  readonly rule: string;
  readonly client: Client;
  /** The mirror that was asked for, where it is that which is refused. */
  readonly mirror: string | null;
  readonly measured: number | string;
  readonly limit: number | string;
  /** Milliseconds since the epoch; null where time alone changes nothing. */
  readonly until: number | null;
  /** Seconds, for a Retry-After field. */
  readonly retryAfter: number | null;
}

export interface AdmissionDeps {
  /** Asked each time; the same object as long as nothing has changed. */
  settings(): Settings;
  /** Milliseconds since the epoch. */
  clock(): number;
  readonly clientOf: ClientOf;
  /** What is for this process where others serve as well; everything unless given. */
  readonly shared?: SharedZones | undefined;
}

/** What processes that serve together share. It may change at any time. */
export interface SharedZones {
  /** What of the rate of a zone is for this process, bytes a second. */
  rateOf(zone: string): number | null;
  /** What the other processes serve of it. */
  elsewhere(zone: string): { readonly connections: number; readonly clients: number };
}

/** What this process has served of a zone. */
export interface ZoneUse {
  readonly zone: string;
  readonly connections: number;
  /** That download now. */
  readonly clients: number;
  /** That have left since it was told last. */
  readonly bytes: number;
  /** Whether anybody had to wait for the rate. */
  readonly waited: boolean;
}

/** What is known of a connection. */
interface Door {
  /** The settings under which all of its requests pass without a look, or null. */
  freeUnder: Settings | null;
  counted: Counted | null;
  /** Whether its end is listened for. */
  isWatched: boolean;
  /** Of its client, counted by the process that has passed it on. */
  connectionsElsewhere: number;
}

/** What a connection, or a request through a proxy, counts to. */
interface Counted {
  readonly zone: ZoneState;
  readonly client: ClientState;
}

/** Seconds after which one that found no connection left may ask again. */
const RETRY_CONNECTION = 5;

const NOTHING = { connections: 0, clients: 0 };

/** Decides whether a request may be answered, and how fast, by the zone of its client. */
export class Admission {
  readonly #doors = new WeakMap<Socket, Door>();
  readonly #zones = new Map<string, ZoneState>();
  /** Mirrors that a zone may not read, of one state of the settings. */
  #closed: { readonly settings: Settings; readonly byZone: Map<string, ReadonlySet<string>> };

  constructor(private readonly deps: AdmissionDeps) {
    this.#closed = { settings: deps.settings(), byZone: new Map() };
  }

  /** Undefined where the request may be answered. It costs next to nothing where no limit is configured. */
  admit(request: IncomingMessage, response: ServerResponse): Denial | undefined {
    const door = this.#doors.get(request.socket);
    if (door && door.freeUnder === this.deps.settings()) return undefined;
    return this.#look(request, response, door);
  }

  /**
   * Whether a request may be answered at once with a body of `bytes`, on a connection on which another one was admitted;
   * if so, they are taken from the rate. False leaves it to `admit`.
   */
  admitNow(request: Pick<IncomingMessage, 'socket' | 'headers' | 'url'>, bytes: number): boolean {
    const door = this.#doors.get(request.socket);
    if (!door) return false;
    const client = this.deps.clientOf(request);
    if (door.freeUnder !== this.deps.settings() && !this.#isStillAdmitted(client, request.url ?? '', door))
      return false;
    return this.#paceFor(client)?.takeNow(bytes) ?? true;
  }

  /** A request that another process has admitted is paced, and counts for nothing here: its client's `connections` are there. */
  passedOn({ socket }: IncomingMessage, connections: number): void {
    const door = this.#doors.get(socket) ?? this.#open(socket);
    door.connectionsElsewhere = connections;
  }

  /** What a client uses now who asks on `socket`; its zone's clients that download are counted with it. */
  usage(client: Client, socket?: Socket): { connections: number; zoneConnections: number; activeClients: number } {
    const zone = this.#zones.get(client.zone);
    const elsewhere = this.#elsewhere(client.zone);
    const door = socket && this.#doors.get(socket);
    return {
      connections: (zone?.knownClient(client.key)?.connections ?? 0) + (door?.connectionsElsewhere ?? 0),
      zoneConnections: (zone?.connections ?? 0) + elsewhere.connections,
      activeClients: (zone?.budget.activeClients ?? 0) + elsewhere.clients,
    };
  }

  /** Of all zones that anybody was met from. */
  drainUses(): ZoneUse[] {
    return [...this.#zones].map(([zone, { connections, budget }]) => ({
      ...{ zone, connections, clients: budget.activeClients },
      ...budget.drainUse(),
    }));
  }

  /** As configured; of the rate, this process may have a part only. */
  limitsOf(zone: string): ZoneLimits {
    return this.deps.settings().zones.get(zone)?.limits ?? NO_LIMITS;
  }

  /** Mirrors that the clients of a zone may not read. */
  closedTo(zone: string): ReadonlySet<string> {
    const settings = this.deps.settings();
    if (settings !== this.#closed.settings) {
      this.#closed = { settings, byZone: new Map() };
      for (const name of this.#zones.keys()) if (!settings.zones.has(name)) this.#zones.delete(name);
    }
    const known = this.#closed.byZone.get(zone);
    if (known) return known;
    const mirrors = [...settings.mirrors.values()].filter(({ read }) => read?.includes(zone) === false);
    const closed = new Set(mirrors.map(({ name }) => name));
    this.#closed.byZone.set(zone, closed);
    return closed;
  }

  #look(request: IncomingMessage, response: ServerResponse, known: Door | undefined): Denial | undefined {
    const client = this.deps.clientOf(request);
    const limits = this.limitsOf(client.zone);
    const door = known ?? this.#open(request.socket);
    const denial =
      this.#refuseRequest(client, limits) ??
      this.#refuseConnection(client, limits, { request, response, door }) ??
      this.#refuseMirror(client, request.url ?? '');
    door.freeUnder = !denial && this.#isFree(client, limits) ? this.deps.settings() : null;
    return denial;
  }

  #open(socket: Socket): Door {
    const door: Door = { freeUnder: null, counted: null, isWatched: false, connectionsElsewhere: 0 };
    this.#doors.set(socket, door);
    setPacer(socket, this.#paceOf);
    return door;
  }

  #isFree(client: Client, { connections, client: each }: ZoneLimits): boolean {
    const isCounted = connections !== null || each.connections !== null || each.requests !== null;
    return !client.isProxied && !isCounted && this.closedTo(client.zone).size === 0;
  }

  /** Whether nothing has to be counted for a request more. */
  #isStillAdmitted(client: Client, url: string, { counted }: Door): boolean {
    const { connections, client: each } = this.limitsOf(client.zone);
    if (client.isProxied || each.requests !== null || this.#refuseMirror(client, url)) return false;
    if (connections === null && each.connections === null) return true;
    const zone = this.#zone(client.zone);
    return counted?.zone === zone && counted.client === zone.client(client.key);
  }

  #refuseRequest(client: Client, limits: ZoneLimits): Denial | undefined {
    const limit = limits.client.requests;
    if (limit === null) return undefined;
    const now = this.deps.clock();
    const { requests, until } = this.#zone(client.zone).client(client.key).countRequest(now);
    if (requests <= limit) return undefined;
    return {
      ...{ kind: 'requests', status: 429, rule: `zones.${client.zone}.client.requests`, client, mirror: null },
      ...{ measured: requests, limit, until, retryAfter: Math.max(1, Math.ceil((until - now) / 1000)) },
    };
  }

  /** A connection is counted from its first request on; through a proxy, the requests under way are. */
  #refuseConnection(
    client: Client,
    { connections, client: each }: ZoneLimits,
    { request, response, door }: { request: IncomingMessage; response: ServerResponse; door: Door },
  ): Denial | undefined {
    if (connections === null && each.connections === null) {
      uncount(door);
      return undefined;
    }
    const zone = this.#zone(client.zone);
    const state = zone.client(client.key);
    const before = door.counted;
    if (before && before.zone === zone && before.client === state) return undefined;
    uncount(door);
    // one that was counted elsewhere, before the settings changed, stays
    const inZone = zone.connections + this.#elsewhere(client.zone).connections;
    const asked = { connections, each: each.connections, inZone, state };
    const denial = before ? undefined : connectionDenial(client, asked);
    if (denial) return denial;
    const holder: Pick<Door, 'counted'> = client.isProxied ? { counted: null } : door;
    count(holder, { zone, client: state });
    if (client.isProxied) onceGone(response, () => uncount(holder));
    else if (!door.isWatched) request.socket.once('close', () => uncount(door));
    door.isWatched ||= !client.isProxied;
    return undefined;
  }

  #refuseMirror(client: Client, url: string): Denial | undefined {
    const closed = this.closedTo(client.zone);
    if (closed.size === 0) return undefined;
    const mirror = mirrorAskedFor(url);
    if (mirror === undefined || !closed.has(mirror)) return undefined;
    const zones = this.deps.settings().mirrors.get(mirror)?.read ?? [];
    return {
      ...{ kind: 'read', status: 403, rule: `mirrors.${mirror}.read`, client, mirror },
      ...{ measured: client.zone, limit: zones.join(', '), until: null, retryAfter: null },
    };
  }

  /** Asked for each piece of a body, by whoever writes it. */
  readonly #paceOf = (response: ServerResponse): Pace | undefined => this.#paceFor(this.deps.clientOf(response.req));

  #paceFor(client: Client): Pace | undefined {
    if (this.#zoneRate(client.zone) === null && this.limitsOf(client.zone).client.rate === null) return undefined;
    return this.#zone(client.zone).client(client.key).budget;
  }

  #zoneRate(zone: string): number | null {
    return this.deps.shared ? this.deps.shared.rateOf(zone) : this.limitsOf(zone).rate;
  }

  #elsewhere(zone: string): { readonly connections: number; readonly clients: number } {
    return this.deps.shared?.elsewhere(zone) ?? NOTHING;
  }

  #zone(name: string): ZoneState {
    const known = this.#zones.get(name);
    if (known) return known;
    const rates = () => ({ zone: this.#zoneRate(name), client: this.limitsOf(name).client.rate });
    const zone = new ZoneState(rates, () => this.deps.clock());
    this.#zones.set(name, zone);
    return zone;
  }
}

function connectionDenial(
  client: Client,
  limits: { connections: number | null; each: number | null; inZone: number; state: ClientState },
): Denial | undefined {
  const { connections, each, inZone, state } = limits;
  const denial = { status: 429, client, mirror: null, until: null, retryAfter: RETRY_CONNECTION } as const;
  if (each !== null && state.connections >= each) {
    const rule = `zones.${client.zone}.client.connections`;
    return { ...denial, kind: 'connections', rule, measured: state.connections + 1, limit: each };
  }
  if (connections === null || inZone < connections) return undefined;
  const rule = `zones.${client.zone}.connections`;
  return { ...denial, kind: 'zone-connections', rule, measured: inZone + 1, limit: connections };
}

function count(holder: Pick<Door, 'counted'>, counted: Counted): void {
  counted.zone.connections++;
  counted.client.connections++;
  holder.counted = counted;
}

function uncount(holder: Pick<Door, 'counted'>): void {
  if (!holder.counted) return;
  holder.counted.zone.connections--;
  holder.counted.client.connections--;
  holder.counted = null;
}
