import { loadSettings } from '../config/load.js';
import type { Settings } from '../config/settings.js';
import { hideFromPublic } from '../content/publish.js';
import { settleMirror, showMirror, type ReconcileOptions } from '../content/reconcile.js';
import { MillpondError } from '../core/errors.js';
import type { Log } from '../platform/log.js';
import type { HttpListeners } from '../server/listeners.js';
import type { SyncEngine } from '../sync/engine.js';
import { changedPaths } from './changed-settings.js';

export interface ReloadParts {
  readonly configFile: string;
  readonly reconcileWith: ReconcileOptions;
  readonly engine: SyncEngine;
  readonly listeners: HttpListeners;
  readonly log: Log;
  settings(): Settings;
  /** Makes these the settings that everybody is given from now on. */
  use(settings: Settings): void;
}

/**
 * Reads the configuration again and applies it whole or not at all; downloads and runs go on. Calls follow each other.
 * The function throws MillpondError invalid or unavailable, and then nothing has changed.
 */
export function reloader(parts: ReloadParts): () => Promise<{ changed: string[] }> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const next = last.then(() => reload(parts));
    last = next.catch(() => undefined);
    return next;
  };
}

async function reload(parts: ReloadParts): Promise<{ changed: string[] }> {
  const before = parts.settings();
  const next = loadSettings(parts.configFile);
  const changed = changedPaths(before, next);
  if (next.data !== before.data)
    throw new MillpondError('invalid', `data: "${next.data}" cannot be changed while Millpond runs`, {
      hint: 'Stop Millpond, move the folder, and start it again.',
    });
  const addresses = await parts.listeners.apply(next.listen.http);
  parts.use(next);
  await showMirrors(next, before, parts);
  parts.engine.apply(next);
  parts.log.info({ changed, addresses }, 'the configuration was read again');
  return { changed };
}

/** Mirrors that are new in the configuration are served if the disk has their trees; removed ones no more. */
async function showMirrors(next: Settings, before: Settings, { reconcileWith, engine }: ReloadParts): Promise<void> {
  const { layout, trees } = reconcileWith;
  for (const name of before.mirrors.keys()) {
    if (next.mirrors.has(name)) continue;
    trees.set(name, null);
    await hideFromPublic(layout, name);
  }
  for (const name of next.mirrors.keys()) {
    if (before.mirrors.has(name)) continue;
    // its first run may have begun already, and then nothing may be tidied up under it
    if (engine.activity(name).running) await showMirror(reconcileWith, name);
    else await settleMirror(reconcileWith, name);
  }
}
