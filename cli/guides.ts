import type { Settings } from '../config/settings.js';
import type { PublishedTrees } from '../content/published-trees.js';
import type { Log } from '../platform/log.js';
import { DownloadCatalog } from '../server/downloads/catalog.js';

export interface GuideParts {
  settings(): Settings;
  readonly trees: PublishedTrees;
  readonly log: Log;
}

/** What helps people to use the mirrors: which installers there are. */
export interface Guides {
  readonly parts: { readonly downloads: DownloadCatalog };
  start(): void;
  /** After a change of the settings. */
  apply(): void;
  stop(): Promise<void>;
}

/** `undo` gets what takes it back when the start fails. */
export function openGuides(parts: GuideParts, undo: (() => Promise<void> | void)[]): Guides {
  const downloads = new DownloadCatalog(parts);
  undo.push(() => downloads.stop());
  return {
    parts: { downloads },
    start: () => downloads.start(),
    apply: () => downloads.lookAgain(),
    stop: () => downloads.stop(),
  };
}
