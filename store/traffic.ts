import type Database from 'better-sqlite3';
import {
  KEPT_MS,
  spanStart,
  SPANS,
  type DayTop,
  type Family,
  type HourTraffic,
  type Protocol,
  type Span,
  type StatusClass,
  type TopKind,
  type TrafficIncrements,
  type TrafficNumbers,
} from '../core/traffic.js';

/** What sums can be split by. */
const COLUMNS = ['part', 'zone', 'family', 'protocol', 'status'] as const;
export type TrafficColumn = (typeof COLUMNS)[number];

/** From `from` on, up to `to` and not with it: begins of spans, milliseconds since the epoch. */
export interface TrafficRange {
  readonly span: Span;
  readonly from: number;
  readonly to: number;
  /** Of this part alone; of all where it is null. */
  readonly part: string | null;
}

export interface TrafficSum extends TrafficNumbers {
  /** Of the column that was asked for: a number for `status`. */
  readonly value: string | number;
}

export interface TrafficPoint extends TrafficSum {
  /** Begin of the span, milliseconds since the epoch. */
  readonly start: number;
}

type KeyValues = [Span, number, string, string, Family, Protocol, StatusClass];

/** What was served, summed by hour, day and month; and the most frequent files and programs of each day. */
export class TrafficStore {
  readonly #add: Database.Statement<[...KeyValues, number, number]>;
  readonly #forget: Database.Statement<[Span, number]>;
  readonly #sums: ReadonlyMap<TrafficColumn, Database.Statement<[TrafficRange], TrafficSum>>;
  readonly #points: ReadonlyMap<TrafficColumn, Database.Statement<[TrafficRange], TrafficPoint>>;
  readonly #removeTop: Database.Statement<[number, TopKind]>;
  readonly #addTop: Database.Statement<[number, TopKind, string, number]>;
  readonly #setBounds: Database.Statement<[number, TopKind, number, number]>;
  readonly #top: Database.Statement<[number, TopKind], { item: string; weight: number }>;
  readonly #bounds: Database.Statement<[number, TopKind], { missing: number; unlisted: number }>;
  readonly #forgetTops: Database.Statement<[number]>;
  readonly #forgetBounds: Database.Statement<[number]>;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO traffic (span, start, part, zone, family, protocol, status, requests, bytes)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, bytes = bytes + excluded.bytes`);
    this.#forget = db.prepare('DELETE FROM traffic WHERE span = ? AND start < ?');
    const where = 'WHERE span = @span AND start >= @from AND start < @to AND (@part IS NULL OR part = @part)';
    const sums = 'sum(requests) AS requests, sum(bytes) AS bytes';
    this.#sums = new Map(
      COLUMNS.map((column) => [
        column,
        db.prepare(`SELECT ${column} AS value, ${sums} FROM traffic ${where} GROUP BY ${column} ORDER BY bytes DESC`),
      ]),
    );
    this.#points = new Map(
      COLUMNS.map((column) => [
        column,
        db.prepare(`
          SELECT start, ${column} AS value, ${sums} FROM traffic ${where}
          GROUP BY start, ${column} ORDER BY start, ${column}`),
      ]),
    );
    this.#removeTop = db.prepare('DELETE FROM top_items WHERE day = ? AND kind = ?');
    this.#addTop = db.prepare('INSERT INTO top_items (day, kind, item, weight) VALUES (?, ?, ?, ?)');
    this.#setBounds = db.prepare('INSERT OR REPLACE INTO top_lists (day, kind, missing, unlisted) VALUES (?, ?, ?, ?)');
    this.#top = db.prepare('SELECT item, weight FROM top_items WHERE day = ? AND kind = ? ORDER BY weight DESC, item');
    this.#bounds = db.prepare('SELECT missing, unlisted FROM top_lists WHERE day = ? AND kind = ?');
    this.#forgetTops = db.prepare('DELETE FROM top_items WHERE day < ?');
    this.#forgetBounds = db.prepare('DELETE FROM top_lists WHERE day < ?');
  }

  /** Adds to the sums of hours, days and months; lists of the most frequent replace those of their day. In a transaction. */
  add({ hours, tops }: TrafficIncrements): void {
    for (const row of hours) for (const span of SPANS) this.#addRow(span, row);
    for (const top of tops) this.#replaceTop(top);
  }

  /** Removes what is older than it is kept. `now`: milliseconds since the epoch. In a transaction. */
  forget(now: number): void {
    this.#forget.run('hour', spanStart('hour', now - KEPT_MS.hour));
    this.#forget.run('day', spanStart('day', now - KEPT_MS.day));
    this.#forgetTops.run(spanStart('day', now - KEPT_MS.hour));
    this.#forgetBounds.run(spanStart('day', now - KEPT_MS.hour));
  }

  /** Sums by a column, greatest first by bytes. */
  sums(column: TrafficColumn, range: TrafficRange): TrafficSum[] {
    return this.#sums.get(column)?.all(range) ?? [];
  }

  /** Sums by span and by a column, in order of time. Spans in which nothing was served are missing. */
  points(column: TrafficColumn, range: TrafficRange): TrafficPoint[] {
    return this.#points.get(column)?.all(range) ?? [];
  }

  /** What was most frequent on the day that begins at `day`. */
  top(day: number, kind: TopKind): DayTop {
    const entries = this.#top.all(day, kind).map(({ item, weight }) => [item, weight] as const);
    return { day, kind, entries, ...(this.#bounds.get(day, kind) ?? { missing: 0, unlisted: 0 }) };
  }

  #addRow(span: Span, { hour, part, zone, family, protocol, status, requests, bytes }: HourTraffic): void {
    this.#add.run(span, spanStart(span, hour), part, zone, family, protocol, status, requests, bytes);
  }

  #replaceTop({ day, kind, entries, missing, unlisted }: DayTop): void {
    this.#removeTop.run(day, kind);
    for (const [item, weight] of entries) this.#addTop.run(day, kind, item, weight);
    this.#setBounds.run(day, kind, missing, unlisted);
  }
}
