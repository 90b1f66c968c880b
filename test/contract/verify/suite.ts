import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Change } from '../../../content/change-list.js';
import { VERIFIERS } from '../../../content/verify/kinds.js';
import type { Finding, VerifyRequest } from '../../../content/verify/verifier.js';
import type { VerifierKind } from '../../../core/verify.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

/** A good tree of a kind. */
export interface VerifierScene {
  readonly root: string;
  readonly keyrings: readonly string[];
  /** A file that an index names, of several bytes. */
  readonly named: string;
  /** Trees may lack what is named: it is a fault only where it was published. */
  readonly mayLack?: boolean;
  /** Adds one more file that an index names, as upstream would; returns it, and all that was changed for it. */
  grow(): Promise<{ named: string; changed: string[] }>;
}

/** Verifies `scene.root` as a run does, with records of its own. */
export interface Verification {
  /** `changed` as rsync would itemise them; null is not known. What was found nothing in is accepted as generation 1. */
  check(changed: readonly string[] | null, more?: Partial<VerifyRequest>): Promise<readonly Finding[]>;
  readonly records: string;
}

export async function verification(
  kind: VerifierKind,
  { root, keyrings }: Pick<VerifierScene, 'root' | 'keyrings'>,
): Promise<Verification> {
  const records = join(await tempFolder(), 'records');
  return {
    records,
    async check(changed, more = {}) {
      const { findings, accept } = await VERIFIERS[kind]({
        ...{
          root,
          published: null,
          base: 1,
          selection: '',
          keyrings,
          hashes: 'sampled',
          seed: 'seed',
          records,
          env: {},
        },
        ...{ clock: Date.now, signal: new AbortController().signal },
        changes: changed && (() => changesOf(changed)),
        ...more,
      });
      if (findings.length === 0) await accept(1);
      return findings;
    },
  };
}

/** What all kinds have in common that look at files which indexes name. `build` makes a tree below an empty folder. */
export function verifierSuite(kind: VerifierKind, build: (folder: string) => Promise<VerifierScene>): void {
  const start = async () => {
    const scene = await build(await tempFolder());
    const spoil = (path = scene.named): void => {
      if (scene.mayLack) writeFileSync(join(scene.root, path), 'x');
      else rmSync(join(scene.root, path));
    };
    return { scene, ...(await verification(kind, scene)), file: join(scene.root, scene.named), spoil };
  };
  describe(`the contract of verifiers: ${kind}`, () => {
    looksAtEverything(start);
    looksAtChanges(start);
    looksAtEverythingWithoutRecords(start);
    test('ends with the reason of its signal', async () => {
      const { check } = await start();
      await expect(check(null, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    });
  });
}

interface Started extends Verification {
  readonly scene: VerifierScene;
  /** The file that is named. */
  readonly file: string;
  /** Makes a file that is named what no index may name; without a path, that one. */
  spoil(path?: string): void;
}

type Start = () => Promise<Started>;

function about(path: string): unknown {
  return [expect.objectContaining({ path, fetchAgain: [path] })];
}

function looksAtEverything(start: Start): void {
  test('finds nothing in a good tree, at first, when nothing has changed, and when it has grown', async () => {
    const { scene, check } = await start();
    expect(await check(null)).toEqual([]);
    expect(await check([])).toEqual([]);
    const { changed } = await scene.grow();
    expect(await check(changed)).toEqual([]);
    expect(await check(null)).toEqual([]);
  });

  test('finds what is missing, is too short, and has other bytes', async () => {
    const { scene, check, file, spoil } = await start();
    const content = readFileSync(file);
    spoil();
    expect(await check(null)).toEqual(about(scene.named));
    writeFileSync(file, content.subarray(1));
    expect(await check(null)).toEqual(about(scene.named));
    writeFileSync(file, Buffer.alloc(content.length, 'x'));
    expect(await check(null, { hashes: 'full' })).toEqual(about(scene.named));
    writeFileSync(file, content);
    expect(await check(null, { hashes: 'full' })).toEqual([]);
  });
}

function looksAtChanges(start: Start): void {
  test('finds what is missing of that which has come', async () => {
    const { scene, check, spoil } = await start();
    expect(await check(null)).toEqual([]);
    const { named, changed } = await scene.grow();
    spoil(named);
    expect(await check(changed)).toEqual(about(named));
  });

  test('looks at what has changed and is named as before, and at nothing else', async () => {
    const { scene, check, file, spoil } = await start();
    expect(await check(null)).toEqual([]);
    const content = readFileSync(file);
    writeFileSync(file, Buffer.alloc(content.length, 'x'));
    expect(await check([scene.named])).toEqual(about(scene.named));
    spoil();
    expect(await check([scene.named])).toEqual(about(scene.named));
    expect(await check(['unnamed'])).toEqual([]);
    writeFileSync(file, content);
    expect(await check([scene.named])).toEqual([]);
  });
}

function looksAtEverythingWithoutRecords(start: Start): void {
  test('looks at everything where its records are of another generation, damaged or lost', async () => {
    const { scene, check, file, records, spoil } = await start();
    expect(await check(null)).toEqual([]);
    const content = readFileSync(file);
    spoil();
    expect(await check([], { base: 2 })).toEqual(about(scene.named));
    writeFileSync(file, content);
    expect(await check(null)).toEqual([]);
    for (const name of readdirSync(records)) truncateSync(join(records, name), 10);
    spoil();
    expect(await check([])).toEqual(about(scene.named));
    writeFileSync(file, content);
    expect(await check(null)).toEqual([]);
    rmSync(records, { recursive: true });
    spoil();
    expect(await check([])).toEqual(about(scene.named));
  });
}

async function* changesOf(paths: readonly string[]): AsyncGenerator<Change> {
  for (const path of paths)
    yield await Promise.resolve({ kind: 'file', created: false, attributesOnly: false, size: 0, folder: false, path });
}
