import { keyringFile, keyringNamed } from '../config/keyrings.js';
import type { Settings } from '../config/settings.js';
import type { Layout } from '../content/layout.js';
import type { PublishedTrees } from '../content/published-trees.js';
import type { Log } from '../platform/log.js';
import { DownloadCatalog } from '../server/downloads/catalog.js';
import { HelpChecker } from '../server/help/check/checker.js';
import type { Store } from '../store/open.js';
import { CHILD_MARK } from '../sync/runs/upstream-request.js';

export interface GuideParts {
  readonly settings: () => Settings;
  readonly store: Store;
  readonly trees: PublishedTrees;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly layout: Layout;
  /** Base URLs at which plain HTTP is answered. */
  readonly plainUrls: () => readonly string[];
}

/** What helps people to use the mirrors: which installers there are, and whether the instructions for clients work. */
export interface Guides {
  readonly parts: { readonly downloads: DownloadCatalog; readonly helpChecker: HelpChecker };
  start(): void;
  /** After a change of the settings. */
  apply(): void;
  stop(): Promise<void>;
}

/** Where Debian packages put the keys of archives. */
const KEYRINGS = '/usr/share/keyrings';

/** `undo` gets what takes it back when the start fails. */
export function openGuides(parts: GuideParts, undo: (() => Promise<void> | void)[]): Guides {
  const downloads = new DownloadCatalog(parts);
  const helpChecker = new HelpChecker({
    ...parts,
    env: { [CHILD_MARK]: parts.layout.data },
    address: () => ownAddress(parts.plainUrls(), parts.settings().site.url),
    keyring: (name, { verify }) =>
      keyringFile(verify.keyrings.find((keyring) => keyring.name === name) ?? keyringNamed(name, KEYRINGS)),
  });
  async function stop(): Promise<void> {
    await Promise.all([downloads.stop(), helpChecker.stop()]);
  }
  undo.push(stop);
  return {
    parts: { downloads, helpChecker },
    start() {
      downloads.start();
      helpChecker.start();
    },
    apply: () => downloads.lookAgain(),
    stop,
  };
}

/** Without TLS where that is possible: this machine may call itself by no name that a certificate has. */
function ownAddress([plain]: readonly string[], site: string | null): string | null {
  if (plain === undefined) return site;
  return plain.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
