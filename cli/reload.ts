import { loadSettings } from '../config/load.js';
import type { Settings } from '../config/settings.js';
import { hideFromPublic } from '../content/publish.js';
import { settleMirror, showMirror, type ReconcileOptions } from '../content/reconcile.js';
import { messageOf, MillpondError } from '../core/errors.js';
import type { Log } from '../platform/log.js';
import type { AccessLog } from '../server/access-log.js';
import type { RsyncDaemon } from '../server/rsync-daemon/rsync-daemon.js';
import type { SyncEngine } from '../sync/engine.js';
import type { MarkerWatch } from '../sync/markers/marker-watch.js';
import { changedPaths } from './changed-settings.js';
import type { ImageApp } from './images.js';
import { tellMissingKeyrings } from './missing-keyrings.js';
import type { Serving } from './serving.js';

export interface ReloadParts {
  readonly configFile: string;
  readonly reconcileWith: ReconcileOptions;
  readonly engine: SyncEngine;
  readonly markers: Pick<MarkerWatch, 'apply'>;
  readonly images: Pick<ImageApp, 'apply'>;
  readonly serving: Serving;
  readonly accessLog: AccessLog;
  readonly rsync: RsyncDaemon;
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
  if (next.workers !== before.workers && next.workers * before.workers === 0)
    throw new MillpondError('invalid', `workers: ${before.workers} cannot become ${next.workers} while Millpond runs`, {
      hint: 'Restart Millpond. From one number of workers to another needs no restart.',
    });
  const addresses = await openAll(next, before, parts);
  // from here nothing is refused any more: what one mirror lacks on the disk must not keep the rest from its settings
  await showNewMirrors(next, before, parts);
  parts.use(next);
  parts.rsync.refresh();
  parts.images.apply(next);
  parts.engine.apply(next);
  parts.markers.apply();
  await parts.serving.apply();
  await hideRemovedMirrors(next, before, parts);
  tellMissingKeyrings(next, parts.log);
  parts.log.info({ changed, addresses }, 'the configuration was read again');
  return { changed };
}

/** The access log and all addresses, or what there was before. Returns the base URLs. */
async function openAll(next: Settings, before: Settings, parts: ReloadParts): Promise<string[]> {
  parts.accessLog.apply(next.accessLog);
  try {
    return await listenOn(next, before, parts);
  } catch (error) {
    await orLog(parts, 'the access log is lost', () => parts.accessLog.apply(before.accessLog));
    throw error;
  }
}

/** All addresses or none: where one cannot be taken, those of before are listened on. Returns the base URLs. */
async function listenOn({ listen }: Settings, before: Settings, parts: ReloadParts): Promise<string[]> {
  await parts.rsync.listen(listen.rsync);
  try {
    return await parts.serving.listeners.apply(listen);
  } catch (error) {
    await orLog(parts, 'the rsync daemon is lost', () => parts.rsync.listen(before.listen.rsync));
    throw error;
  }
}

/** They are served if the disk has their trees. The engine does not know them yet, so that nothing writes to them. */
async function showNewMirrors(next: Settings, before: Settings, parts: ReloadParts): Promise<void> {
  const { reconcileWith, engine } = parts;
  for (const name of next.mirrors.keys()) {
    if (before.mirrors.has(name)) continue;
    // one that was taken out a moment ago may still be ending its run: nothing may be tidied up under it
    const show = engine.activity(name).running ? showMirror : settleMirror;
    await orLog(parts, `showing the tree of the new mirror "${name}" failed`, () => show(reconcileWith, name));
  }
}

async function hideRemovedMirrors(next: Settings, before: Settings, parts: ReloadParts): Promise<void> {
  const { layout, trees } = parts.reconcileWith;
  for (const name of before.mirrors.keys()) {
    if (next.mirrors.has(name)) continue;
    trees.set(name, null);
    await trees.everywhere();
    await orLog(parts, `taking the removed mirror "${name}" out of the public folder failed`, () =>
      hideFromPublic(layout, name),
    );
  }
}

async function orLog({ log }: ReloadParts, sentence: string, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.error({ err: error }, `${sentence}: ${messageOf(error)}`);
  }
}
