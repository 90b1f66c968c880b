import type { Settings } from '../../config/settings.js';
import type { SharedZones, ZoneUse } from '../limits/admission.js';
import { shareRate, type RateUse } from './share-rate.js';

/** Processes tell what they have used, and are told what is for them, so often. */
export const USES_EVERY_MS = 200;

/** What of a zone is for one process. */
export interface ZoneShare {
  readonly zone: string;
  /** Bytes a second; null is no limit. */
  readonly rate: number | null;
  /** What the other processes serve of it. */
  readonly elsewhere: { readonly connections: number; readonly clients: number };
}

/** What one process has told of itself. */
interface Account {
  readonly at: number;
  readonly uses: ReadonlyMap<string, ZoneUse & RateUse>;
}

const NOTHING = { connections: 0, clients: 0, used: 0, waited: false };
const FEWEST_MS = 50;

/** What all processes have used of the zones lately, and what is for each of them. */
export class ZoneLedger<Process extends object> {
  readonly #accounts = new WeakMap<Process, Account>();

  /** A process tells what it has used since it told last; `now` in milliseconds of a clock that never goes back. */
  heard(process: Process, uses: readonly ZoneUse[], now: number): void {
    const seconds = Math.max(FEWEST_MS, now - (this.#accounts.get(process)?.at ?? now)) / 1000;
    const byZone = uses.map((use) => [use.zone, { ...use, used: use.bytes / seconds }] as const);
    this.#accounts.set(process, { at: now, uses: new Map(byZone) });
  }

  /** For each of the processes, in their order. */
  shares(zones: Settings['zones'], processes: readonly Process[]): ZoneShare[][] {
    const shares = processes.map((): ZoneShare[] => []);
    for (const { name, limits } of zones.values()) {
      const uses = processes.map((process) => this.#accounts.get(process)?.uses.get(name) ?? NOTHING);
      const rates = limits.rate === null ? [] : shareRate(limits.rate, uses);
      const [connections, clients] = [total(uses, 'connections'), total(uses, 'clients')];
      for (const [index, own] of uses.entries()) {
        const elsewhere = { connections: connections - own.connections, clients: clients - own.clients };
        shares[index]?.push({ zone: name, rate: rates[index] ?? null, elsewhere });
      }
    }
    return shares;
  }
}

/** What of the zones is for this process, as it was told last. */
export class OwnShares implements SharedZones {
  #shares: ReadonlyMap<string, ZoneShare> = new Map();

  /** `processes` serve in all: before it is told, one may use its equal part. */
  constructor(
    private readonly settings: () => Pick<Settings, 'zones'>,
    private readonly processes: () => number,
  ) {}

  told(shares: readonly ZoneShare[]): void {
    this.#shares = new Map(shares.map((share) => [share.zone, share]));
  }

  rateOf(zone: string): number | null {
    const rate = this.settings().zones.get(zone)?.limits.rate ?? null;
    if (rate === null) return null;
    return Math.min(rate, this.#shares.get(zone)?.rate ?? rate / this.processes());
  }

  elsewhere(zone: string): ZoneShare['elsewhere'] {
    return this.#shares.get(zone)?.elsewhere ?? NOTHING;
  }
}

function total(uses: readonly { connections: number; clients: number }[], of: 'connections' | 'clients'): number {
  return uses.reduce((sum, use) => sum + use[of], 0);
}
