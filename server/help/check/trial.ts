import { MillpondError } from '../../../core/errors.js';
import { runChild } from '../../../platform/child.js';

/** Instructions that are tried out, and what they are tried with. */
export interface Trial {
  /** The block as the page shows it, with `address` as the address of the mirror. */
  readonly text: string;
  /** Names of the keys that are taken where the text names none: clients have them already. */
  readonly usualKeys: readonly string[];
  /** Kind of the text (`lang` of a help block). */
  readonly lang: string;
  readonly address: string;
  /** Root of the tree that is served. */
  readonly tree: string;
  /** Empty, and removed afterwards: all that a client reads and writes is in it. */
  readonly folder: string;
  /** Names of processors that the mirror is limited to; empty is all. */
  readonly archs: readonly string[];
  /** The file with the keys of that name, where this machine has it. */
  readonly keyring: (name: string) => string | null;
  /** Added to the environment of all programs. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Tries instructions out; returns a sentence of what was done. @throws Untested, TrialFailed, the signal's reason */
export type TryOut = (trial: Trial) => Promise<string>;

/** This machine lacks what is needed; the message is a sentence that says what. */
export class Untested extends Error {}

/** The client would not have worked; the message is a sentence that says why. */
export class TrialFailed extends Error {}

/** Indexes of a large distribution are read in seconds; this is for slow machines. */
const TIME_LIMIT_MS = 10 * 60_000;
/** Names and sizes of all packages of a large distribution are some 4 MB. */
const MOST_OUTPUT = 32 * 1024 * 1024;

/**
 * Runs a program of a client to its end and returns what it printed. `fault` finds the line that tells why it failed.
 * @throws Untested where there is no such program, TrialFailed where it fails
 */
export async function runClient(
  trial: Trial,
  [file, ...args]: readonly [string, ...string[]],
  { fault, env = {} }: { fault: RegExp; env?: Readonly<Record<string, string>> },
): Promise<string> {
  const { folder, signal } = trial;
  // HOME: nothing of the user that runs this is read or written
  const options = { cwd: folder, signal, env: { ...trial.env, HOME: folder, ...env } };
  const limits = { timeoutMs: TIME_LIMIT_MS, maxBytes: MOST_OUTPUT, groupEndsWithIt: true };
  const end = await runChild(file, args, { ...options, ...limits }).catch((error: unknown) => {
    if (error instanceof MillpondError && error.code === 'unavailable') throw new Untested(`${file} is not installed.`);
    throw error;
  });
  signal.throwIfAborted();
  if (end.code === 0 && end.endedBecause === null) return end.stdout.toString('utf8');
  const lines = `${end.stderr}\n${end.stdout.toString('utf8')}`.split('\n').map((line) => line.trim());
  const reason = lines.find((line) => fault.test(line)) ?? lines.findLast((line) => line !== '') ?? '';
  const how = end.endedBecause ?? (end.code === null ? `it got ${end.signal}` : `exit ${end.code}`);
  throw new TrialFailed(`${[file, args.find((arg) => /^[a-z]/.test(arg))].join(' ')} failed (${how}): ${reason}`);
}

/** At most `most` of the names, spread evenly over all of them. */
export function sampleOf<T>(all: readonly T[], most: number): T[] {
  const step = Math.max(1, all.length / most);
  return Array.from({ length: Math.min(most, all.length) }, (_, index) => all[Math.floor(index * step)]).flatMap(
    (item) => item ?? [],
  );
}

/** The one of the fewest bytes. @throws TrialFailed where there is none */
export function smallest(packages: readonly { readonly name: string; readonly bytes: number }[]): string {
  const [first] = packages.toSorted((one, other) => one.bytes - other.bytes);
  if (first) return first.name;
  throw new TrialFailed('The indexes were read, and name no package.');
}
