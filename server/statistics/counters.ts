import {
  FAMILIES,
  HOUR_MS,
  PROTOCOLS,
  spanStart,
  STATUS_CLASSES,
  type HourTraffic,
  type TrafficKey,
  type TrafficNumbers,
} from '../../core/traffic.js';

const CELLS = FAMILIES.length * PROTOCOLS.length * STATUS_CLASSES.length;
/** Hours that are counted at a time: log lines that are read late may be of many. */
const MOST_HOURS = 48;

const FAMILY_AT = new Map(FAMILIES.map((family, index) => [family, index * PROTOCOLS.length * STATUS_CLASSES.length]));
const PROTOCOL_AT = new Map(PROTOCOLS.map((protocol, index) => [protocol, index * STATUS_CLASSES.length]));

/** Requests and bytes by family, protocol and status: requests at even places, bytes behind them. */
type Cells = Float64Array;

/** By part, then by zone. */
type HourCounts = Map<string, Map<string, Cells>>;

/** Requests and bytes since they were taken last. Counting one is two look-ups by names that are there already. */
export class Counters {
  readonly #hours = new Map<number, HourCounts>();
  /** The hour that was counted in last. */
  #current: HourCounts = new Map();
  #from = 0;
  #to = 0;
  /** Of hours that had to make room. */
  #aside: HourTraffic[] = [];

  /** `at`: milliseconds since the epoch. `requests` is 0 for bytes of an answer that has not ended, or was counted. */
  count(
    at: number,
    who: Omit<TrafficKey, 'status'>,
    status: TrafficKey['status'],
    { requests, bytes }: TrafficNumbers,
  ): void {
    if (at < this.#from || at >= this.#to) this.#turnTo(at);
    const cells = this.#current.get(who.part)?.get(who.zone) ?? this.#add(who.part, who.zone);
    const place = 2 * ((FAMILY_AT.get(who.family) ?? 0) + (PROTOCOL_AT.get(who.protocol) ?? 0) + status - 1);
    cells[place] = (cells[place] ?? 0) + requests;
    cells[place + 1] = (cells[place + 1] ?? 0) + bytes;
  }

  /** All that was counted since this was asked last. */
  take(): HourTraffic[] {
    this.#setAside();
    const rows = this.#aside;
    this.#aside = [];
    return rows;
  }

  #turnTo(at: number): void {
    const hour = spanStart('hour', at);
    if (this.#hours.size >= MOST_HOURS && !this.#hours.has(hour)) this.#setAside();
    const known = this.#hours.get(hour) ?? new Map<string, Map<string, Cells>>();
    this.#hours.set(hour, known);
    this.#current = known;
    this.#from = hour;
    this.#to = hour + HOUR_MS;
  }

  #setAside(): void {
    for (const [hour, parts] of this.#hours)
      for (const [part, zones] of parts)
        for (const [zone, cells] of zones) this.#aside.push(...rowsOf({ hour, part, zone }, cells));
    this.#hours.clear();
    this.#from = this.#to = 0;
  }

  #add(part: string, zone: string): Cells {
    let zones = this.#current.get(part);
    if (!zones) this.#current.set(part, (zones = new Map<string, Cells>()));
    const cells = new Float64Array(2 * CELLS);
    zones.set(zone, cells);
    return cells;
  }
}

function rowsOf(where: { hour: number; part: string; zone: string }, cells: Cells): HourTraffic[] {
  return FAMILIES.flatMap((family) =>
    PROTOCOLS.flatMap((protocol) =>
      STATUS_CLASSES.flatMap((status): HourTraffic[] => {
        const place = 2 * ((FAMILY_AT.get(family) ?? 0) + (PROTOCOL_AT.get(protocol) ?? 0) + status - 1);
        const [requests = 0, bytes = 0] = cells.subarray(place, place + 2);
        return requests === 0 && bytes === 0 ? [] : [{ ...where, family, protocol, status, requests, bytes }];
      }),
    ),
  );
}
