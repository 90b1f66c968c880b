import { loadavg } from 'node:os';

export interface ReportOptions {
  /** JSON lines only. */
  readonly json?: boolean;
}

/** The same thing measured of Millpond and of its peer, in turn. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly peer: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Of the ratio of the medians, Millpond's to the peer's; null where nothing is asked. */
  readonly goal: { readonly most: number } | { readonly least: number } | null;
}

/** Prints what a measurement finds: lines for people, and each as a line of JSON. */
export class Report {
  constructor(
    private readonly bench: string,
    private readonly options: ReportOptions,
  ) {}

  compare({ name, unit, peer, ours, theirs, goal }: Comparison): void {
    const [our, their] = [median(ours), median(theirs)];
    const ratio = rounded(our / their);
    const wanted = goal === null ? '' : `  ${wantedOf(goal)}  ${isReached(ratio, goal) ? 'reached' : 'NOT reached'}`;
    this.#line(`${name.padEnd(44)} ${readable(our)} ${unit} / ${peer} ${readable(their)} ${unit} = ${ratio}${wanted}`);
    this.#json({ name, unit, millpond: ours.map(rounded), [peer]: theirs.map(rounded), ratio, goal });
  }

  /** A figure that is held against a limit, whatever the peer does. */
  within(name: string, value: number, most: number): void {
    const verdict = value <= most ? 'reached' : 'NOT reached';
    this.#line(`${name.padEnd(44)} ${readable(value)}  goal <= ${most}  ${verdict}`);
    this.#json({ name, values: [rounded(value)], goal: { most } });
  }

  /** Figures that have no peer. */
  say(name: string, values: readonly number[]): void {
    this.#line(`${name.padEnd(44)} ${values.map(readable).join(' ')}`);
    this.#json({ name, values: values.map(rounded) });
  }

  #line(text: string): void {
    if (!this.options.json) process.stdout.write(`${text}\n`);
  }

  /** With the load of the machine in the last minute: others may have been at work as well. */
  #json(figures: object): void {
    const load = rounded(loadavg()[0] ?? NaN);
    process.stdout.write(`${JSON.stringify({ bench: this.bench, ...figures, load })}\n`);
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function wantedOf(goal: NonNullable<Comparison['goal']>): string {
  return 'most' in goal ? `goal <= ${goal.most}` : `goal >= ${goal.least}`;
}

function isReached(ratio: number, goal: NonNullable<Comparison['goal']>): boolean {
  return 'most' in goal ? ratio <= goal.most : ratio >= goal.least;
}

function readable(value: number): string {
  return String(Math.abs(value) >= 10 ? Math.round(value) : rounded(value));
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
