import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytePath } from '../../content/byte-path.js';
import { placeOwnFile, type OwnFile } from '../../content/own-files.js';
import { systemCode } from '../../core/errors.js';
import type { Upstream } from '../../core/upstream.js';
import { fetchSmallFile } from './fetch-small-file.js';
import type { TreeRunContext } from './run-context.js';
import { epochFile } from './write-traces.js';

/**
 * Of a tree that is in step: brings its heartbeat, a single file, and writes the time of this run where the mirror shall.
 * Each is replaced by a rename in the live tree, and whoever keeps anything of that is told. A heartbeat that does not
 * come is no failure: the tree is as it shall be.
 */
export async function refreshOwnFiles(context: TreeRunContext, upstream: Upstream): Promise<void> {
  const { mirror, store, layout, trees, log, clock } = context;
  const live = store.generations.live(mirror.name);
  if (!live) return;
  const root = layout.slot(mirror.name, live.slot);
  const { heartbeat: path } = mirror;
  const fetched = path === null ? null : await fetchSmallFile(context, upstream, path);
  const heartbeat = path === null || fetched === null ? null : { path, ...fetched };
  const own = mirror.trace?.kind === 'epoch' ? epochFile(mirror.trace.path, clock()) : null;
  let replaced = false;
  for (const file of [heartbeat, own]) {
    if (file === null || (await hasAlready(root, file))) continue;
    const temporary = join(layout.probe(mirror.name), 'own');
    if (await placeOwnFile(root, file, temporary)) replaced = true;
    else log.write(`${file.path} cannot be written: the tree has something else in its place.`);
  }
  const served = trees.get(mirror.name);
  if (!replaced || !served) return;
  trees.set(mirror.name, { ...served });
  await trees.everywhere();
}

async function hasAlready(root: string, { path, content }: OwnFile): Promise<boolean> {
  try {
    return content.equals(await readFile(bytePath(root, Buffer.from(path).toString('latin1'))));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}
