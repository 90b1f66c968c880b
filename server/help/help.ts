import type { Settings } from '../../config/settings.js';
import { findPreset, type Preset } from '../../config/presets.js';
import type { HelpBlock } from '../../config/preset-help-schema.js';
import { MillpondError } from '../../core/errors.js';
import type { TreeMirror } from '../../core/mirror.js';
import { choose, textFor, type ChosenBlock, type HelpChoice } from './choose.js';
import type { ClientSystem } from './client-system.js';
import { endpointOf, fillIn } from './fill.js';
import type { TreeLook } from './tree-look.js';

/** How a client is set up with a mirror: one block, with the choices that lead to it. */
export interface Help {
  readonly mirror: string;
  readonly title: string;
  /** Address of the mirror, without a slash at its end. */
  readonly address: string;
  /** All forms that the mirror can be used in. */
  readonly forms: readonly { readonly id: string; readonly title: string }[];
  /** The form that is shown. */
  readonly form: string;
  readonly choices: readonly HelpChoice[];
  readonly adjusted: readonly string[];
  /** Where the text goes on the client; null where it is commands. */
  readonly file: string | null;
  readonly mode: HelpBlock['mode'];
  readonly lang: string;
  readonly text: string;
  /** Puts it into effect; null where nothing has to be done. */
  readonly then: string | null;
  readonly undo: string | null;
  readonly note: string | null;
  /** Whether the mirror has a tree: until then, nothing is known of what it has. */
  readonly isPublished: boolean;
}

export interface HelpQuestion {
  readonly origin: string;
  /** Address of the rsync daemon without a slash at its end; null where there is none. */
  readonly rsync: string | null;
  /** Null: the one that is for `system`, else the first. */
  readonly form: string | null;
  /** Values by name of an input. */
  readonly values: Readonly<Record<string, string>>;
  readonly system: ClientSystem | null;
}

/** A block that a mirror can be used with, and where it stands with the defaults. */
export interface OfferedBlock {
  readonly block: HelpBlock;
  readonly chosen: ChosenBlock;
}

/** The preset of a mirror where it has help; null where there is none. */
export function helpPreset(mirror: Pick<TreeMirror, 'preset'>): Preset | null {
  if (mirror.preset === null) return null;
  const preset = findPreset(mirror.preset);
  return preset.help.length > 0 ? preset : null;
}

/** The page of the instructions of a mirror; null where it has none. */
export function helpPath(mirror: Pick<TreeMirror, 'name' | 'preset'>): string | null {
  return helpPreset(mirror) ? `/help/${mirror.name}` : null;
}

/** Mirrors that have help, in the order of the configuration. */
export function mirrorsWithHelp({ mirrors }: Pick<Settings, 'mirrors'>): { mirror: TreeMirror; preset: Preset }[] {
  return [...mirrors.values()].flatMap((mirror) => {
    const preset = helpPreset(mirror);
    return preset ? [{ mirror, preset }] : [];
  });
}

/** The blocks of a mirror of which its tree has something, with their default choices. */
export async function offeredBlocks(mirror: TreeMirror, look: TreeLook): Promise<OfferedBlock[]> {
  const offered: OfferedBlock[] = [];
  for (const block of helpPreset(mirror)?.help ?? []) {
    const chosen = await choose({ mirror, block, look }, {});
    if (chosen) offered.push({ block, chosen });
  }
  return offered;
}

/** @throws MillpondError not-found where the mirror has no help, invalid for what cannot be chosen */
export async function helpFor(mirror: TreeMirror, look: TreeLook, question: HelpQuestion): Promise<Help> {
  if (!helpPreset(mirror)) throw noHelp(mirror.name);
  const all = await offeredBlocks(mirror, look);
  const offered = all.filter(({ block }) => question.rsync !== null || !needsRsync(block));
  if (offered.length === 0 && all.length > 0) throw noRsync(mirror.name);
  const { block } = formOf(mirror, offered, question);
  const subject = { mirror, block, look };
  const preferred = question.system ? { os: question.system.id } : {};
  const chosen = await choose(subject, question.values, preferred);
  if (!chosen) throw noHelp(mirror.name);
  const place = { origin: question.origin, mirror: mirror.name, rsync: question.rsync };
  const fill = (text: string | undefined): string | null =>
    text === undefined ? null : fillIn(text, place, chosen.filling).trimEnd();
  return {
    mirror: mirror.name,
    title: mirror.title,
    address: endpointOf(place),
    forms: offered.map((each) => ({ id: each.block.id, title: each.block.title })),
    form: block.id,
    choices: chosen.choices,
    adjusted: chosen.adjusted,
    file: block.file ?? null,
    mode: block.mode,
    lang: block.lang,
    text: await textFor(subject, place, chosen.filling),
    ...{ then: fill(block.then), undo: fill(block.undo), note: fill(block.note) },
    isPublished: look.isPublished(mirror.name),
  };
}

/** The same block as text for a file: what else there is to know stands in comments, where its kind has them. */
export function helpText(help: Help): string {
  if (!COMMENTED.has(help.lang)) return help.text;
  const where = help.file === null ? [] : [`${MODE_WORDS[help.mode]} ${help.file}`];
  const lines = [
    `${help.title}: ${help.address}`,
    ...where,
    ...help.adjusted,
    ...(help.note === null ? [] : help.note.split('\n')),
    ...(help.then === null ? [] : commandLines('Then', help.then)),
    ...(help.undo === null ? [] : commandLines('To take it back', help.undo)),
  ];
  return `${lines.map((line) => `# ${line}`).join('\n')}\n\n${help.text}`;
}

/** What is done with a block that has a file. */
export const MODE_WORDS: Readonly<Record<HelpBlock['mode'], string>> = {
  write: 'Write this to',
  append: 'Add this at the end of',
  prepend: 'Put this before everything else in',
  edit: 'Make this change in',
  run: 'Run this in',
};

/** Kinds of text in which a line that begins with "#" is a comment. */
const COMMENTED: ReadonlySet<string> = new Set(['deb822', 'apt', 'ini', 'pacman', 'portage', 'sh', 'r']);

function commandLines(label: string, commands: string): string[] {
  const [first = '', ...rest] = commands.split('\n');
  return rest.length === 0 ? [`${label}: ${first}`] : [`${label}:`, ...[first, ...rest].map((line) => `  ${line}`)];
}

function formOf(
  mirror: TreeMirror,
  offered: readonly OfferedBlock[],
  { form, system }: Pick<HelpQuestion, 'form' | 'system'>,
): OfferedBlock {
  const [first] = offered;
  if (!first)
    throw new MillpondError('not-found', `The tree of "${mirror.name}" has nothing that its instructions are for.`, {
      hint: `/status/${mirror.name} tells what is mirrored.`,
    });
  if (form === null) return offered.find(({ block }) => system?.langs.includes(block.lang)) ?? first;
  const found = offered.find(({ block }) => block.id === form);
  if (found) return found;
  const ids = offered.map(({ block }) => block.id).join(', ');
  throw new MillpondError(
    'invalid',
    `form=${JSON.stringify(form.slice(0, 100))} is not a form here: there are ${ids}.`,
    {
      hint: 'The page without it shows what may be chosen.',
    },
  );
}

/** Whether a block works only where this server answers over rsync. */
export function needsRsync({ body, then, undo }: Pick<HelpBlock, 'body' | 'then' | 'undo'>): boolean {
  return [body, then, undo].some((text) => text?.includes('{{rsync}}'));
}

function noRsync(mirror: string): MillpondError {
  return new MillpondError('not-found', `The instructions for "${mirror}" are for rsync, which is not offered here.`, {
    hint: 'Its operator can change that: listen.rsync in the configuration.',
  });
}

export function noHelp(mirror: string): MillpondError {
  return new MillpondError('not-found', `There are no instructions for "${mirror}" here.`, {
    hint: '/help lists the mirrors that have some.',
  });
}
