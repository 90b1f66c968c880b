import type { Settings } from '../../config/settings.js';
import { findPreset, type Preset } from '../../config/presets.js';
import type { PublishedTrees, PublishedTreesOfMirror } from '../../content/published-trees.js';
import { messageOf } from '../../core/errors.js';
import type { TreeMirror } from '../../core/mirror.js';
import { scanInstallers, type Installer } from './scan.js';

export interface CatalogParts {
  settings(): Pick<Settings, 'mirrors'>;
  readonly trees: PublishedTrees;
  readonly log: { warn(details: object, message: string): void };
}

interface Known {
  readonly trees: PublishedTreesOfMirror;
  readonly preset: string;
  readonly installers: readonly Installer[];
}

/**
 * Which installers the published trees have. Each tree is looked at once, after it was published, one after the other;
 * nothing is looked for when somebody asks.
 */
export class DownloadCatalog {
  readonly #known = new Map<string, Known>();
  readonly #due = new Set<string>();
  readonly #stop = new AbortController();
  #work: Promise<void> | null = null;
  #shown: { readonly parts: readonly (readonly Installer[])[]; readonly all: readonly Installer[] } = {
    parts: [],
    all: [],
  };

  constructor(private readonly parts: CatalogParts) {}

  /** Looks at all mirrors, and from now on at each that is published. */
  start(): void {
    this.parts.trees.subscribe((mirror) => this.#look(mirror));
    this.lookAgain();
  }

  /** After a change of the settings. */
  lookAgain(): void {
    for (const mirror of this.#known.keys()) if (!this.parts.settings().mirrors.has(mirror)) this.#known.delete(mirror);
    for (const mirror of this.parts.settings().mirrors.keys()) this.#look(mirror);
  }

  /** All that were found in trees which are served now and are for everybody: the same list as long as they are the same. */
  installers(): readonly Installer[] {
    const { mirrors } = this.parts.settings();
    const parts = [...mirrors.values()].flatMap(({ name, preset, read }) => {
      const known = this.#known.get(name);
      return known && known.preset === preset && read === null && this.parts.trees.get(name) ? [known.installers] : [];
    });
    const { parts: before } = this.#shown;
    if (parts.length !== before.length || parts.some((part, index) => part !== before[index]))
      this.#shown = { parts, all: parts.flat() };
    return this.#shown.all;
  }

  /** Resolves when nothing waits to be looked at. */
  async idle(): Promise<void> {
    while (this.#work) await this.#work;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  #look(mirror: string): void {
    if (this.#stop.signal.aborted) return;
    this.#due.add(mirror);
    this.#work ??= this.#lookAtAll().finally(() => (this.#work = null));
  }

  async #lookAtAll(): Promise<void> {
    await Promise.resolve(); // who has published is not made to wait
    for (let [mirror] = this.#due; mirror !== undefined; [mirror] = this.#due) {
      this.#due.delete(mirror);
      try {
        await this.#lookAt(mirror);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.parts.log.warn({ mirror, err: error }, `installers could not be looked for: ${messageOf(error)}`);
      }
    }
  }

  async #lookAt(mirror: string): Promise<void> {
    const { trees, log } = this.parts;
    const preset = downloadPreset(this.parts.settings().mirrors.get(mirror));
    const now = trees.get(mirror);
    if (!preset || !now) {
      this.#known.delete(mirror);
      return;
    }
    const before = this.#known.get(mirror);
    if (before?.trees === now && before.preset === preset.id) return;
    const rules = preset.downloads;
    const { installers, isCut } = await scanInstallers({ mirror, root: now.live.root, rules }, this.#stop.signal);
    // while it was looked at, its slot may have been given up; then the next look tells what is true
    if (trees.get(mirror) !== now) return;
    if (isCut) log.warn({ mirror }, 'there are more installers, or folders to look for them in, than are looked at');
    this.#known.set(mirror, { trees: now, preset: preset.id, installers });
  }
}

/** The preset of a mirror where it has rules that find installers; undefined where there is none. */
export function downloadPreset(mirror: Pick<TreeMirror, 'preset'> | undefined): Preset | undefined {
  const preset = mirror?.preset ? findPreset(mirror.preset) : undefined;
  return preset && preset.downloads.length > 0 ? preset : undefined;
}
