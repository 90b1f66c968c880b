import type { HelpCheck } from '../../store/help-checks.js';
import { CLIENT_SYSTEMS, isFor, type ClientSystem } from '../help/client-system.js';
import { MODE_WORDS, type Help } from '../help/help.js';
import type { PageFrame } from './page-frame.js';
import { timeView, type TimeView } from './time-view.js';
import { renderView } from './view.js';

/** A mirror on the list of those that can be set up. */
export interface HelpEntry {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly preset: string;
  /** Kinds of its templates. */
  readonly langs: readonly string[];
  /** Whether anything of it is published. */
  readonly isPublished: boolean;
  readonly checks: readonly HelpCheck[];
}

export interface HelpListQuestion {
  readonly query: string;
  readonly system: ClientSystem | null;
}

/** Those that match what is searched for; for a system first what is for it, then what its programs can use. */
export function chosenEntries(entries: readonly HelpEntry[], { query, system }: HelpListQuestion): HelpEntry[] {
  const words = query.toLowerCase().split(/\s+/);
  const text = ({ name, title, description }: HelpEntry): string => `${name} ${title} ${description}`.toLowerCase();
  const found = entries.filter((entry) => words.every((word) => text(entry).includes(word)));
  if (!system) return found;
  return found.toSorted((one, other) => rankFor(system, one) - rankFor(system, other));
}

/** `/help`. */
export function renderHelpList(frame: PageFrame, entries: readonly HelpEntry[], question: HelpListQuestion): string {
  const { query, system } = question;
  const view = (entry: HelpEntry): object => ({
    ...entry,
    href: helpHref(entry.name, ''),
    isFitting: system !== null && isFor(system, entry.preset),
    tested: newestWorked(entry.checks, frame.now),
  });
  const shown = chosenEntries(entries, question);
  return renderView('help', {
    ...frame,
    query,
    total: entries.length,
    systems: CLIENT_SYSTEMS.map(({ id, label }) => ({ id, label, isChosen: id === system?.id })),
    systemLabel: system?.label ?? null,
    fitting: shown.filter((entry) => system && isFor(system, entry.preset)).map(view),
    others: shown.filter((entry) => !system || !isFor(system, entry.preset)).map(view),
  });
}

/** `/help/<mirror>`. `check` is of the form that is shown. */
export function renderHelp(
  frame: PageFrame,
  help: Help,
  page: { readonly description: string; readonly check: HelpCheck | null; readonly isRestricted: boolean },
): string {
  const query = new URLSearchParams({
    form: help.form,
    ...Object.fromEntries(help.choices.map(({ name, value }) => [name, value])),
  });
  const origin = help.address.slice(0, -help.mirror.length - 1);
  const text = `${helpHref(help.mirror, '.txt')}?${query.toString()}`;
  return renderView('help-mirror', {
    ...frame,
    ...help,
    description: page.description,
    isRestricted: page.isRestricted,
    title: frame.title,
    mirrorTitle: help.title,
    browse: `/${help.mirror}/`,
    status: `/status/${help.mirror}`,
    heading: help.mode === 'run' ? runWords(help.lang) : `${MODE_WORDS[help.mode]} `,
    lines: help.text.trimEnd(),
    // a page cannot know whether the reader is root
    fetch: help.mode === 'write' && help.file !== null ? `curl -fsSL '${origin}${text}' -o ${help.file}` : null,
    tested: page.check && checkView(page.check, frame.now),
    twins: { json: `${helpHref(help.mirror, '.json')}?${query.toString()}`, text },
  });
}

function helpHref(mirror: string, twin: string): string {
  return `/help/${encodeURIComponent(mirror)}${twin}`;
}

function runWords(lang: string): string {
  return lang === 'sh' ? 'Run this in a shell, as root' : `Type this in ${lang}`;
}

/** The result of a check as a page shows it. */
function checkView({ result, sentence, choices, checkedAt }: HelpCheck, now: number): object {
  const words = { worked: 'worked', failed: 'failed', untested: 'not tested here' } as const;
  const signs = { worked: ['good', '●'], failed: ['bad', '✕'], untested: ['quiet', '◇'] } as const;
  const [tone, shape] = signs[result];
  return { sign: { tone, shape, label: words[result] }, sentence, choices, time: timeView(checkedAt, now) };
}

function newestWorked(checks: readonly HelpCheck[], now: number): TimeView | null {
  const times = checks.filter(({ result }) => result === 'worked').map(({ checkedAt }) => checkedAt);
  return times.length === 0 ? null : timeView(Math.max(...times), now);
}

function rankFor(system: ClientSystem, { preset, langs }: HelpEntry): number {
  const place = system.presets.findIndex((name) => preset.startsWith(name));
  if (place >= 0) return place;
  return langs.some((lang) => system.langs.includes(lang)) ? 50 : 100;
}
