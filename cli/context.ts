import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { parse } from 'yaml';
import { findConfig, USUAL_PLACES } from '../config/find.js';
import { loadSettings } from '../config/load.js';
import { Layout } from '../content/layout.js';
import { MillpondError } from '../core/errors.js';
import { ControlClient } from './client.js';
import { printable } from './printable.js';

/** Bytes that are looked through for the data folder of a configuration that cannot be used. */
const LARGEST_CONFIG = 1024 * 1024;

/** What a command may use of the process it runs in. */
export interface CliIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether stdout is a terminal, which may be drawn on. */
  readonly isTTY: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks a person at a terminal for one line; null or missing where there is none. */
  readonly ask?: ((question: string) => Promise<string>) | null;
  /** Where signals come from; this process unless told. */
  readonly signals?: SignalSource;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
  /** Ends the process at once. */
  readonly exitNow?: (code: number) => void;
}

export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

/** What all commands share: where they print, which configuration they use, and the exit code they leave. */
export class CliContext {
  /** 0 done, 1 failed, 2 wrong usage, 3 held for a person, 130 interrupted while waiting. */
  exitCode = 0;
  readonly signals: SignalSource;
  readonly clock: () => number;
  readonly exitNow: (code: number) => void;
  readonly ask: ((question: string) => Promise<string>) | null;

  constructor(
    readonly io: CliIo,
    private readonly options: () => { config?: string; json?: boolean },
  ) {
    this.signals = io.signals ?? process;
    this.clock = io.clock ?? Date.now;
    this.ask = io.ask ?? null;
    this.exitNow = io.exitNow ?? ((code) => process.exit(code));
  }

  get json(): boolean {
    return this.options().json === true;
  }

  /** The configuration that was named by `--config`, if one was. */
  get namedConfig(): string | undefined {
    const { config } = this.options();
    return config === undefined ? undefined : resolve(this.io.cwd, config);
  }

  /** @throws MillpondError `not-found`, saying where it was looked for */
  configFile(): string {
    const { env, cwd } = this.io;
    const file = findConfig({ flag: this.namedConfig, env, cwd });
    if (file !== null) return file;
    const places = USUAL_PLACES.map((place) => `"${resolve(cwd, place)}"`).join(' and ');
    throw new MillpondError('not-found', `no configuration was found: looked for ${places}`, {
      hint: 'Name one with `--config FILE` or MILLPOND_CONFIG, or write one with `millpond init`.',
    });
  }

  /** The program that uses the data folder of the configuration. */
  client(): ControlClient {
    const dataFolder = dataFolderOf(this.configFile());
    return new ControlClient({ socketPath: new Layout(dataFolder).controlSocket, dataFolder });
  }

  /** Prints `text`, or `value` as one line of JSON when `--json` was given. */
  async print(value: unknown, text: () => string): Promise<void> {
    await this.line(this.json ? JSON.stringify(value) : text());
  }

  async line(text: string): Promise<void> {
    await this.write(`${printable(text)}\n`);
  }

  /** Writes as it is, and waits while the reader is slow. */
  async write(text: string): Promise<void> {
    if (!this.io.stdout.write(text)) await once(this.io.stdout, 'drain');
  }

  /** For people, beside what was asked for: never mixed into the JSON. */
  note(text: string): void {
    this.io.stderr.write(`${printable(text)}\n`);
  }
}

/** A configuration that has become bad must not keep operators from the program that still runs with the old one. */
function dataFolderOf(file: string): string {
  try {
    return loadSettings(file).data;
  } catch (error) {
    const data = dataKeyOf(file);
    if (data === undefined) throw error;
    return resolve(dirname(file), data);
  }
}

function dataKeyOf(file: string): string | undefined {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > LARGEST_CONFIG) return undefined;
    const document = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 }) as { data?: unknown } | null;
    return typeof document?.data === 'string' ? document.data : undefined;
  } catch {
    return undefined;
  }
}
