import type { Upstream } from '../core/upstream.js';
import { ThrottleProxy } from '../platform/throttle-proxy.js';

const RSYNC_PORT = 873; // IANA

export interface BandwidthShare {
  /** Bytes a second for the whole life of the pull, where its rate cannot be changed while it runs; else null. */
  readonly fixedLimit: number | null;
  /** What rsync must find in its environment so that its rate can be changed while it runs. */
  environment(): Promise<Record<string, string>>;
  leave(): void;
}

/** Of a pull that this program itself receives: it may ask for its rate at any moment. */
export interface StreamShare {
  /** Bytes a second for all its streams together; null is no limit. */
  rate(): number | null;
  leave(): void;
}

/**
 * Divides the bandwidth of the whole machine among the pulls that run now. Pulls from rsync daemons go through a
 * throttle and get an equal part at any moment; ssh and local pulls have a limit that cannot change later, and get
 * the part that is theirs when all places are taken. Together they never exceed the total.
 */
export class BandwidthPool {
  readonly #proxy = new ThrottleProxy();
  #changeable = 0;
  #fixed = 0;

  constructor(
    private total: number | null,
    private concurrency: number,
  ) {}

  configure(total: number | null, concurrency: number): void {
    this.total = total;
    this.concurrency = concurrency;
  }

  join(upstream: Upstream): BandwidthShare {
    if (this.total === null)
      return { fixedLimit: null, environment: () => Promise.resolve({}), leave: () => undefined };
    return upstream.kind === 'daemon' ? this.#joinChangeable(upstream) : this.#joinFixed(this.total / this.concurrency);
  }

  /** A pull over any number of streams, which gets the part of one. */
  joinStreams(): StreamShare {
    this.#changeable++;
    let hasLeft = false;
    return {
      rate: () => (this.total === null ? null : this.#part()),
      leave: () => {
        if (!hasLeft) this.#changeable--;
        hasLeft = true;
      },
    };
  }

  close(): void {
    this.#proxy.close();
  }

  /** Bytes a second of each pull whose rate can change. */
  #part(): number {
    if (this.total === null) return Number.MAX_SAFE_INTEGER;
    return Math.max(this.total - this.#fixed, this.total / this.concurrency) / Math.max(1, this.#changeable);
  }

  #joinChangeable(upstream: Upstream): BandwidthShare {
    this.#changeable++;
    let close = (): void => undefined;
    const target = { host: upstream.host, port: upstream.port ?? RSYNC_PORT, rate: () => this.#part() };
    return {
      fixedLimit: null,
      environment: async () => {
        const opened = await this.#proxy.open(target);
        close = opened.close;
        return { RSYNC_PROXY: opened.address };
      },
      leave: () => {
        this.#changeable--;
        close();
      },
    };
  }

  #joinFixed(limit: number): BandwidthShare {
    this.#fixed += limit;
    return {
      fixedLimit: limit,
      environment: () => Promise.resolve({}),
      leave: () => (this.#fixed -= limit),
    };
  }
}
