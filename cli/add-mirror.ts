import { readFile, realpath } from 'node:fs/promises';
import { withMirror } from '../config/add-mirror.js';
import { keyringRemedy, missingKeyrings } from '../config/keyrings.js';
import { parseSettings } from '../config/load.js';
import { findPreset, type Preset } from '../config/presets.js';
import { country as countryProblem, value as choiceProblem } from '../config/preset-problems.js';
import { selectProblems } from '../config/use-preset.js';
import { messageOf, MillpondError } from '../core/errors.js';
import { mirrorNameProblem } from '../core/mirror.js';
import { parseUpstream } from '../core/upstream.js';
import { formatBytes } from '../core/units.js';
import { rewriteFile } from '../platform/atomic-write.js';
import { diskSpace } from '../platform/disk-space.js';
import { nearestExisting } from './check/machine.js';
import type { CliContext } from './context.js';
import { sizeWords } from './preset-text.js';

/** What was asked for on the command line. */
export interface Wanted {
  readonly select: Readonly<Record<string, readonly string[]>>;
  readonly country?: string;
  readonly upstream?: string;
  readonly name?: string;
}

/** An entry for the configuration, as it will be written. */
export interface PlannedEntry {
  readonly preset: Preset;
  readonly name: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

/**
 * The entry of a mirror of `id`.
 * @throws MillpondError `not-found` or `invalid`, when the preset, a choice or the source cannot be had
 */
export function planEntry(id: string, wanted: Wanted): PlannedEntry {
  const preset = findPreset(id);
  const [problem] = selectProblems(preset, wanted.select);
  if (problem) throw new MillpondError('invalid', `${String(problem.path[0])}: ${problem.sentence}`);
  const badWord = Object.values(wanted.select)
    .flat()
    .map(choiceProblem)
    .find((sentence) => sentence !== undefined);
  if (badWord !== undefined) throw new MillpondError('invalid', badWord);
  const name = wanted.name ?? id;
  const badName = mirrorNameProblem(name);
  if (badName !== undefined) throw new MillpondError('invalid', `${JSON.stringify(name)} ${badName}`);
  const upstream = sourceOf(preset, wanted);
  if (upstream !== undefined) refuseForbidden(preset, upstream);
  const entry = {
    preset: id,
    ...(Object.keys(wanted.select).length > 0 && { select: wanted.select }),
    ...(upstream !== undefined && { upstream }),
  };
  return { preset, name, entry };
}

/** Shows what it would be, asks for what must be confirmed, and writes it into the configuration file. */
export async function addFromPreset(
  { preset, name, entry }: PlannedEntry,
  { accept, yes }: { accept: readonly string[]; yes: boolean },
  context: CliContext,
): Promise<void> {
  const file = await realpath(context.configFile());
  const before = await readFile(file, 'utf8');
  const { data } = parseSettings(before, file); // one that cannot be used is not made longer
  withMirror(before, name, entry); // a name that is taken is said before anybody is asked anything
  const { free } = await diskSpace(await nearestExisting(data));
  for (const line of factLines(preset, free, 'select' in entry)) context.note(line);
  await confirm(preset, accept, context);
  if (!yes && !(await says(context, `Add the mirror "${name}" to ${file}? [y/N] `, /^y(es)?$/i)))
    throw new MillpondError('refused', 'nothing was written', { hint: 'Say yes, or give --yes.' });
  const whole = preset.confirm.length > 0 ? { ...entry, confirmed: preset.confirm } : entry;
  if ((await readFile(file, 'utf8')) !== before)
    throw new MillpondError('conflict', `${file} was changed by somebody else meanwhile, and nothing was written`, {
      hint: 'Run the command again.',
    });
  const text = withMirror(before, name, whole);
  const added = parseSettings(text, file).mirrors.get(name);
  write(file, text);
  for (const keyring of added ? missingKeyrings(added) : [])
    context.note(
      `Its trees are verified with the keyring "${keyring.name}", which is not here. ${keyringRemedy(keyring)}`,
    );
  const next = 'millpond check looks whether it answers, millpond reload begins with it';
  await context.print({ file, name, entry: whole }, () => `Added "${name}" to ${file}: ${next}.`);
}

function write(file: string, text: string): void {
  try {
    rewriteFile(file, text);
  } catch (error) {
    throw new MillpondError('unavailable', `the configuration "${file}" cannot be written: ${messageOf(error)}`, {
      hint: 'Nothing was changed. Run this as the user that owns the file, who must be able to write into its folder.',
    });
  }
}

/** Undefined where the preset itself names the source. */
function sourceOf(preset: Preset, { country, upstream }: Wanted): string | undefined {
  if (upstream !== undefined) return upstream;
  if (country !== undefined) return sourceIn(preset, country.toLowerCase());
  if ('upstream' in preset.mirror) return undefined;
  throw new MillpondError('invalid', `${preset.name} has no single source that is open to all`, {
    hint: sourcesHint(preset),
  });
}

function sourceIn(preset: Preset, country: string): string {
  const problem = countryProblem(country);
  if (problem !== undefined) throw new MillpondError('invalid', problem);
  const there = preset.sources.find((source) => source.country === country);
  const source = there ?? preset.sources.find(({ url }) => url.includes('{country}'));
  if (source) return source.url.replaceAll('{country}', country);
  throw new MillpondError('invalid', `no source of ${preset.name} is known by country`, { hint: sourcesHint(preset) });
}

/** @throws MillpondError `invalid` when the project does not want it to be mirrored from there */
function refuseForbidden(preset: Preset, upstream: string): void {
  const { host } = parseUpstream(upstream);
  const found = preset.forbidden.find((each) => each.host?.toLowerCase() === host.toLowerCase());
  if (found)
    throw new MillpondError('invalid', `${host} cannot be the source: ${found.what}`, { hint: sourcesHint(preset) });
}

function sourcesHint({ sources, notices }: Preset): string {
  const known = sources.map(({ url, access }) => `${url} (${access})`).join(', ');
  return `Choose one with --upstream.${known && ` Known are ${known}.`}${notices.length > 0 ? ` ${notices.join(' ')}` : ''}`;
}

function factLines(preset: Preset, free: number, isPart: boolean): string[] {
  const { policy, status, notices, forbidden } = preset;
  const perDay = (words: string, count: number | 'unknown'): string =>
    count === 'unknown' ? '' : `, ${words} ${count}`;
  const hasNoRoom = preset.size !== 'unknown' && preset.size.bytes > free;
  return [
    `${preset.name}: ${status}`,
    ...notices.map((text) => `  ${text}`),
    ...forbidden.map(({ host, what }) => `  Not wanted: ${host === undefined ? what : `${host}. ${what}`}`),
    ...policy.requirements.map((text) => `  Asked of a mirror: ${text}`),
    `Runs a day: recommended ${policy.recommended_per_day}` +
      `${perDay('at most', policy.max_per_day)}${perDay('at least', policy.min_per_day)}`,
    `Size of all of it: ${sizeWords(preset)}`,
    ...(isPart ? ['Size of what you chose: less, and not known before it is there'] : []),
    `Free on the disk: ${formatBytes(free)}${hasNoRoom ? ', which is less than all of it' : ''}`,
  ];
}

/** @throws MillpondError `refused` when something that must be confirmed was not */
async function confirm({ name, confirm }: Preset, accept: readonly string[], context: CliContext): Promise<void> {
  for (const what of confirm) {
    if (accept.includes(what)) continue;
    if (await says(context, `${WHAT[what]} To go on, type ${what}: `, new RegExp(`^${what}$`))) continue;
    throw new MillpondError(
      'refused',
      `${name} is not added: ${WHAT[what].replace(/\.$/, '')}, and that was not confirmed`,
      {
        hint: `Read what is said above, then give --accept ${confirm.join(',')}.`,
      },
    );
  }
}

const WHAT: Readonly<Record<Preset['confirm'][number], string>> = {
  closed: 'The project takes no new public mirrors.',
  discouraged: 'The project asks that this is not mirrored.',
  registration: 'The project wants mirrors to be registered with it.',
  'private-only': 'The project allows mirrors for own machines only, not for the public.',
};

/** Whether a person at a terminal answers so; where there is none, nobody does. */
async function says(context: CliContext, question: string, answer: RegExp): Promise<boolean> {
  return context.ask !== null && answer.test((await context.ask(question)).trim());
}
