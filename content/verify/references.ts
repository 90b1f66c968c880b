import { hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { displayName } from '../../core/tree-path.js';
import { bytePath } from '../byte-path.js';
import { eachLimited } from '../each-limited.js';
import { RealFolders } from '../real-folders.js';
import { hashFile } from './hash-file.js';
import { IndexFault } from './index-fault.js';
import { fileBehind } from './linked-files.js';
import { writeInForce, type InForce, type IndexEntry } from './in-force.js';
import { algorithmOf, pathKey, RecordBuilder, referenceKey, type Key } from './reference-record.js';
import type { Reference, ReferenceRecord } from './reference-record.js';
import { MAX_FINDINGS, type Finding, type Verified, type VerifyRequest } from './verifier.js';

/** An index of the tree that is verified. */
export interface Index extends IndexEntry {
  /** What it names, some at a time. @throws IndexFault when it cannot be read, or names what no index may name */
  references(): AsyncIterable<readonly Reference[]>;
}

export interface ReferenceCheckInput {
  /** What the published tree names; null when everything is to be looked at. */
  readonly before: InForce | null;
  /** What differs from the published tree; with `before`. */
  readonly changed: ReadonlySet<string> | null;
  /** Indexes that are, and are named, as in the published tree. */
  readonly kept: readonly IndexEntry[];
  /** All other indexes of the tree. */
  readonly indexes: readonly Index[];
  /** What was looked at so far lies behind links. */
  readonly passesLinks?: boolean;
}

const UNDER_WAY = 32;
/** No index of a real archive names as many. */
const MOST_REFERENCES = 10_000_000;
const SAMPLED_SHARE = 0.01;
const SAMPLED_AT_LEAST = 20;

/**
 * Whether every file that an index names is there as it is named. Looked at is what the indexes name anew, and what
 * has changed of all that they name: O(changes), but that a changed index is read as a whole.
 */
export async function checkReferences(request: VerifyRequest, input: ReferenceCheckInput): Promise<Verified> {
  const check = new ReferenceCheck(request, input.before, input.passesLinks);
  for (const entry of input.kept) check.keep(entry);
  for (const index of input.indexes) await check.read(index);
  if (input.before && input.changed) await check.lookAt(input.changed);
  return { findings: check.findings, accept: (generation) => check.accept(generation) };
}

class ReferenceCheck {
  readonly findings: Finding[] = [];
  readonly #tree: RealFolders;
  readonly #entries: IndexEntry[] = [];
  readonly #records = new Map<string, ReferenceRecord>();
  /** Paths that were looked at because an index names them anew. */
  readonly #seen = new Set<Key>();
  readonly #hashed = new Set<Key>();
  #passesLinks: boolean;

  constructor(
    private readonly request: VerifyRequest,
    private readonly before: InForce | null,
    passesLinks = false,
  ) {
    this.#passesLinks = passesLinks;
    this.#tree = new RealFolders(request.root);
  }

  keep({ part, path, key }: IndexEntry): void {
    this.#entries.push({ part, path, key });
    const record = this.before?.records.get(key);
    if (record) this.#records.set(key, record);
  }

  async read(index: Index): Promise<void> {
    if (this.#isFull()) return;
    if (this.before?.records.has(index.key)) return this.keep(index);
    const builder = new RecordBuilder();
    const sample = new Sample(this.request);
    const older = this.#olderThan(index);
    try {
      for await (const batch of index.references()) {
        this.request.signal.throwIfAborted();
        const fresh = takeNew(batch, builder, older);
        if (builder.count > MOST_REFERENCES) throw new IndexFault(`names over ${MOST_REFERENCES} files`, []);
        await eachLimited(fresh, UNDER_WAY, (reference) => this.#checkNew(index, reference, sample));
        if (this.#isFull()) return;
      }
    } catch (error) {
      if (!(error instanceof IndexFault)) throw error;
      this.#find(index.path, error.problem, error.fetchAgain);
      return;
    }
    for (const reference of sample.rest()) await this.#checkHash(index, reference);
    this.#entries.push({ part: index.part, path: index.path, key: index.key });
    this.#records.set(index.key, builder.build());
  }

  /** Looks at each of the paths that is named by any index, and was not looked at yet. */
  async lookAt(paths: ReadonlySet<string>): Promise<void> {
    await eachLimited(paths, UNDER_WAY, async (path) => {
      this.request.signal.throwIfAborted();
      const key = pathKey(path);
      if (this.#seen.has(key) || this.#isFull()) return;
      const naming = this.#entries.find((entry) => this.#records.get(entry.key)?.names(key));
      if (naming) await this.#checkChanged(path, key, naming);
    });
  }

  async accept(generation: number): Promise<void> {
    const { records, selection } = this.request;
    // of files that are behind links, a list of changes does not tell which have changed: all is looked at each time
    if (this.#passesLinks) await rm(records, { recursive: true, force: true });
    else await writeInForce(records, { generation, selection, entries: this.#entries, records: this.#records });
  }

  async #checkNew(index: Index, reference: Reference, sample: Sample): Promise<void> {
    if (this.#isFull()) return;
    if (this.before) this.#seen.add(pathKey(reference.path));
    const { path, size, digest, leadsTo } = reference;
    const by = `"${displayName(index.path)}"`;
    const found = await this.#statOf(path, leadsTo !== undefined);
    if (!found) this.#find(path, `is missing, and ${by} names it`);
    else if (!found.isFile()) this.#find(path, `is not a file, and ${by} names it as one`);
    else if (size !== null && found.size !== size)
      this.#find(path, `has ${found.size} bytes instead of the ${size} that ${by} tells`);
    else if (digest !== null && sample.takes(reference)) await this.#checkHash(index, reference);
  }

  async #checkHash(index: IndexEntry, reference: Reference): Promise<void> {
    const { path, digest } = reference;
    const key = referenceKey(reference);
    if (digest === null || this.#isFull() || this.#hashed.has(key)) return;
    this.#hashed.add(key); // others name it too
    const { root, signal } = this.request;
    const found = await hashFile(bytePath(root, path), [algorithmOf(digest)], signal);
    if (found?.[0] !== digest) this.#find(path, `does not have the hash that "${displayName(index.path)}" tells`);
  }

  /** Of a file that the index names as before, only the keys of what it may be are known. */
  async #checkChanged(path: string, key: Key, naming: IndexEntry): Promise<void> {
    const { root, signal } = this.request;
    const by = `"${displayName(naming.path)}"`;
    const leadsTo = await fileBehind(root, this.#tree, path);
    const link = leadsTo === null ? null : referenceKey({ path, size: null, digest: null, leadsTo });
    const records = [...this.#records.values()].filter((record) => {
      return record.names(key) && !(link !== null && record.holds(link));
    });
    const found = await this.#statOf(path, records.length === 0);
    if (!found) return this.#find(path, `is gone, and ${by} still names it`);
    if (!found.isFile()) return this.#find(path, `is no longer a file, and ${by} names it as one`);
    const algorithms = [...new Set(records.flatMap((record) => record.algorithms))];
    const digests = await hashFile(bytePath(root, path), algorithms, signal);
    if (records.some((record) => !record.agrees(path, found.size, digests ?? [])))
      this.#find(path, `was replaced, and is not what ${by} tells`);
  }

  /** `isKnownLink`: what is behind it is looked at by its own path. */
  async #statOf(path: string, isKnownLink = false): Promise<Stats | null> {
    const found = await this.#tree.at(path);
    if (found && !found.isSymbolicLink()) return found;
    // each link was found to stay within the tree
    const behind = await stat(bytePath(this.request.root, path)).catch(() => null);
    if (behind && !isKnownLink) this.#passesLinks = true;
    return behind;
  }

  #olderThan({ path }: IndexEntry): ReferenceRecord | undefined {
    const entry = this.before?.entries.find((each) => each.path === path);
    return entry && this.before?.records.get(entry.key);
  }

  #find(path: string, problem: string, fetchAgain: readonly string[] = [path]): void {
    if (!this.#isFull()) this.findings.push({ path, problem, fetchAgain });
  }

  #isFull(): boolean {
    return this.findings.length >= MAX_FINDINGS;
  }
}

/** Adds all of `batch` to the record of its index; those that the older index does not name in the same way. */
function takeNew(batch: readonly Reference[], builder: RecordBuilder, older: ReferenceRecord | undefined): Reference[] {
  return batch.filter((reference) => {
    const key = referenceKey(reference);
    builder.add(reference, key);
    return !older?.holds(key);
  });
}

/** Which files of an index are hashed: all, or by chance a share of them and at least some. */
class Sample {
  readonly #all: boolean;
  readonly #seed: string;
  #taken = 0;
  /** The next that would be taken, the first of them first. */
  readonly #waiting: { at: number; reference: Reference }[] = [];

  constructor({ hashes, seed }: Pick<VerifyRequest, 'hashes' | 'seed'>) {
    this.#all = hashes === 'full';
    this.#seed = seed;
  }

  takes(reference: Reference): boolean {
    const at = this.#all ? 0 : this.#chance(reference.path);
    if (at < SAMPLED_SHARE) {
      this.#taken += 1;
      return true;
    }
    const last = this.#waiting.at(-1);
    if (this.#waiting.length === SAMPLED_AT_LEAST && last && at >= last.at) return false;
    this.#waiting.push({ at, reference });
    this.#waiting.sort((a, b) => a.at - b.at).splice(SAMPLED_AT_LEAST);
    return false;
  }

  /** What is hashed besides, because too few were taken. */
  rest(): Reference[] {
    const missing = Math.max(0, SAMPLED_AT_LEAST - this.#taken);
    return this.#waiting.slice(0, missing).map(({ reference }) => reference);
  }

  #chance(path: string): number {
    return hash('sha256', `${this.#seed}\0${path}`, 'buffer').readUInt32LE() / 2 ** 32;
  }
}
