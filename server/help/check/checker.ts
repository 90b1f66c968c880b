import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../../../config/settings.js';
import type { PublishedTrees } from '../../../content/published-trees.js';
import { messageOf, systemCode } from '../../../core/errors.js';
import type { TreeMirror } from '../../../core/mirror.js';
import type { HelpCheck } from '../../../store/help-checks.js';
import type { Store } from '../../../store/open.js';
import { shownText } from '../../shown-text.js';
import { keyringsIn } from '../apt-sources.js';
import { helpFor, helpPreset, mirrorsWithHelp, offeredBlocks, type OfferedBlock } from '../help.js';
import { TreeLook } from '../tree-look.js';
import { tryApt } from './apt.js';
import { tryDnf } from './dnf.js';
import { tryPacman } from './pacman.js';
import { TrialFailed, Untested, type TryOut } from './trial.js';

export interface HelpCheckerParts {
  readonly settings: () => Pick<Settings, 'mirrors' | 'help'>;
  readonly store: Pick<Store, 'helpChecks'>;
  readonly trees: PublishedTrees;
  readonly log: { warn(details: object, message: string): void };
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Address at which this machine reaches its own mirrors, without a slash at its end; null where it has none. */
  readonly address: () => string | null;
  /** The file with the keys of that name, for a mirror; null where this machine has none. */
  readonly keyring: (name: string, mirror: TreeMirror) => string | null;
  /** Added to the environment of what is started, so that it is found again after a crash. */
  readonly env: Readonly<Record<string, string>>;
}

/** What tries out each kind of text; what is of no such kind is not tried out. */
const TRIALS: Readonly<Record<string, TryOut>> = { deb822: tryApt, apt: tryApt, ini: tryDnf, pacman: tryPacman };

const DAY_MS = 86_400_000;
/** A program that has just started has better things to do. */
const FIRST_LOOK_MS = 10 * 60_000;
const LOOK_EVERY_MS = 3_600_000;
const LONGEST_SENTENCE = 400;

/** Tries out the instructions of mirrors as a client would, one after the other, and keeps what came of each last. */
export class HelpChecker {
  readonly #look: TreeLook;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: HelpCheckerParts) {
    this.#look = new TreeLook(parts.trees);
  }

  /** From now on, what was not tried out for a day is, where the settings say so. */
  start(): void {
    this.#timer = setTimeout(() => void this.#wake(), FIRST_LOOK_MS).unref();
  }

  /**
   * Tries out all forms of one mirror, or of all, and tells each result. `isDue` says which results are too old; unless
   * given, all are. Calls follow each other. @throws the signal's reason
   */
  checkAll(
    only: string | null,
    tell: (check: HelpCheck) => Promise<void> | void,
    { signal, isDue = () => true }: { signal?: AbortSignal; isDue?: (check: HelpCheck | undefined) => boolean } = {},
  ): Promise<void> {
    const both = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const work = this.#last.then(() => this.#checkAll(only, tell, both, isDue));
    this.#last = work.catch(() => undefined);
    return work;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort();
    await this.#last;
  }

  async #wake(): Promise<void> {
    try {
      const old = this.parts.clock() - DAY_MS;
      const isDue = (check: HelpCheck | undefined): boolean => !check || check.checkedAt <= old;
      if (this.parts.settings().help.check === 'daily') await this.checkAll(null, () => undefined, { isDue });
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.parts.log.warn({ err: error }, `instructions could not be tried out: ${messageOf(error)}`);
    }
    if (!this.#stop.signal.aborted) this.#timer = setTimeout(() => void this.#wake(), LOOK_EVERY_MS).unref();
  }

  async #checkAll(
    only: string | null,
    tell: (check: HelpCheck) => Promise<void> | void,
    signal: AbortSignal,
    isDue: (check: HelpCheck | undefined) => boolean,
  ): Promise<void> {
    const { settings, store } = this.parts;
    this.#forgetFormer();
    for (const { mirror } of mirrorsWithHelp(settings())) {
      if ((only !== null && mirror.name !== only) || !this.#look.isPublished(mirror.name)) continue;
      const known = store.helpChecks.of(mirror.name);
      for (const offered of await offeredBlocks(mirror, this.#look)) {
        signal.throwIfAborted();
        const tryOut = TRIALS[offered.block.lang];
        if (!tryOut || !isDue(known.find(({ form }) => form === offered.block.id))) continue;
        const check = await this.#check(mirror, offered, tryOut, signal);
        store.helpChecks.set(check);
        await tell(check);
      }
    }
  }

  /** What is kept of mirrors and forms that are not there any more. */
  #forgetFormer(): void {
    const { settings, store } = this.parts;
    const all = mirrorsWithHelp(settings());
    for (const check of store.helpChecks.all()) {
      const preset = all.find(({ mirror }) => mirror.name === check.mirror)?.preset;
      if (!preset?.help.some(({ id }) => id === check.form)) store.helpChecks.remove(check);
    }
  }

  async #check(
    mirror: TreeMirror,
    { block, chosen }: OfferedBlock,
    tryOut: TryOut,
    signal: AbortSignal,
  ): Promise<HelpCheck> {
    const choices = chosen.choices.map(({ value, name }) => (block.inputs[name]?.switch ? '' : value));
    const about = { mirror: mirror.name, form: block.id, choices: choices.filter(Boolean).join(', ') };
    const folder = await mkdtemp(join(tmpdir(), 'millpond-help-'));
    const end = (result: HelpCheck['result'], sentence: string): HelpCheck => {
      const plain = shownText(sentence.replaceAll(folder, ''), LONGEST_SENTENCE);
      return { ...about, result, sentence: plain, checkedAt: this.parts.clock() };
    };
    try {
      return end('worked', await this.#try(mirror, block.id, { tryOut, folder, signal }));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Untested) return end('untested', error.message);
      if (error instanceof TrialFailed) return end('failed', error.message);
      const code = systemCode(error);
      if (code === undefined) throw error;
      // a full disk, say: it is none of the mirror's, and others are still tried out
      this.parts.log.warn({ ...about, err: error }, `instructions could not be tried out: ${messageOf(error)}`);
      return end('untested', `This server could not try it out (${code}).`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #try(
    mirror: TreeMirror,
    form: string,
    { tryOut, folder, signal }: { tryOut: TryOut; folder: string; signal: AbortSignal },
  ): Promise<string> {
    const { address, trees, keyring, env } = this.parts;
    const origin = address();
    const tree = trees.get(mirror.name)?.live.root;
    if (origin === null) throw new Untested('This server has no address of its own at which it could be tried.');
    if (mirror.read !== null) throw new Untested('Not every network may read this mirror.');
    if (tree === undefined) throw new Untested('The tree is not there any more.');
    const help = await helpFor(mirror, this.#look, { origin, rsync: null, form, values: {}, system: null });
    return tryOut({
      ...{ text: help.text, lang: help.lang, address: help.address, tree, folder, env, signal },
      usualKeys: usualKeys(mirror),
      archs: mirror.selected['arch'] ?? [],
      keyring: (name) => keyring(name, mirror),
    });
  }
}

/** What the tree itself is verified with, else what other forms of the same instructions name. */
function usualKeys(mirror: TreeMirror): string[] {
  const verified = mirror.verify.keyrings.map(({ name }) => name);
  return verified.length > 0 ? verified : (helpPreset(mirror)?.help.flatMap(({ body }) => keyringsIn(body)) ?? []);
}
