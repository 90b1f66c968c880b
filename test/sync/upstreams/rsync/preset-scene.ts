import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseSettings } from '../../../../config/load.js';
import type { TreeMirror } from '../../../../core/mirror.js';
import { parseUpstream } from '../../../../core/upstream.js';
import { pullArguments } from '../../../../sync/upstreams/rsync/arguments.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../../../fixtures/tree.js';

/** The mirror of a preset from a folder, with more of an entry. */
export function mirrorOf(id: string, upstream: string, more: Readonly<Record<string, unknown>> = {}): TreeMirror {
  const entry = { preset: id, upstream: `${upstream}/`, schedule: 'manual', ...more };
  const found = parseSettings(stringify({ mirrors: { m: entry } }), '/x/millpond.yaml').mirrors.get('m');
  if (!found) throw new Error('no mirror "m"');
  return found;
}

export interface Scene {
  readonly up: string;
  readonly slot: string;
  /** Runs the stage of that number with the very arguments that Millpond gives to rsync. */
  pull(mirror: TreeMirror, stage: number): void;
}

/** Two empty folders: an upstream and a slot. */
export async function scene(): Promise<Scene> {
  const folder = await tempFolder();
  const [up, slot, temporary] = ['up', 'slot', 'partial'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [up, slot, temporary]) mkdirSync(path);
  return {
    ...{ up, slot },
    pull(mirror, number) {
      const stage = mirror.stages[number];
      if (!stage) throw new Error(`no stage ${number}`);
      const nothing = () => undefined;
      const args = pullArguments({
        ...{ mirror, stage, upstream: parseUpstream(`${up}/`), destination: slot, temporary, inPlace: false },
        ...{
          changes: join(folder, 'changes'),
          knownFiles: null,
          filesFrom: null,
          bandwidth: null,
          env: {},
          knownHosts: '/none',
        },
        ...{ signal: new AbortController().signal, onLine: nothing, onProgress: nothing, onActivity: nothing },
      });
      execFileSync('rsync', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    },
  };
}

/** Runs all stages; the paths of the slot afterwards. */
export function pullAll(at: Scene, mirror: TreeMirror): string[] {
  mirror.stages.forEach((_, number) => at.pull(mirror, number));
  return Object.keys(snapshot(at.slot)).sort();
}

/** Files that hold their own paths. */
export function fill(root: string, paths: readonly string[]): void {
  writeTree(root, Object.fromEntries(paths.map((path) => [path, path])));
}
