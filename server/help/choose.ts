import type { HelpBlock } from '../../config/preset-help-schema.js';
import type { TreeMirror } from '../../core/mirror.js';
import { MillpondError } from '../../core/errors.js';
import { aptSources, isAptForm, withSuites, type AptSource } from './apt-sources.js';
import { endpointOf, fillIn, textOf, type Filling, type HelpPlace } from './fill.js';
import type { TreeLook } from './tree-look.js';

/** What is looked at: a block of a preset, for a mirror of it. */
export interface HelpSubject {
  readonly mirror: Pick<TreeMirror, 'name' | 'selected'>;
  readonly block: HelpBlock;
  readonly look: TreeLook;
}

/** Something that the reader chooses. */
export interface HelpChoice {
  readonly name: string;
  readonly label: string;
  /** What the mirror has, in the order of the preset. */
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly value: string;
}

/** A block with its choices made. */
export interface ChosenBlock {
  readonly choices: readonly HelpChoice[];
  readonly filling: Filling;
  /** Sentences about what was asked for and cannot be had together with the rest. */
  readonly adjusted: readonly string[];
}

type Values = Readonly<Record<string, string>>;

/** Combinations of values that are looked at; presets have far fewer. */
const MOST_COMBINATIONS = 500;
/** Only these names are of components; all others may change which folders of the tree are meant. */
const COMPONENT_INPUTS: ReadonlySet<string> = new Set(['components', 'component']);
/** What presets call that which their selection `suites` chooses of. */
const SUITE_INPUTS: ReadonlySet<string> = new Set(['release', 'suite', 'branch', 'version']);
/** A place that no tree can be at: where is looked does not depend on how clients reach this server. */
const NOWHERE = 'http://mirror.invalid';

/**
 * Makes the choices of a block: what was asked for, else the preset's default, else the first that the mirror has.
 * Undefined where the mirror has none of what the block is for.
 * @throws MillpondError invalid for a value that no reader can have been offered
 */
export async function choose(
  subject: HelpSubject,
  asked: Values,
  preferred: Values = {},
): Promise<ChosenBlock | undefined> {
  const { block } = subject;
  let combinations = await possible(subject);
  if (combinations.length === 0) return undefined;
  const values: Record<string, string> = {};
  const choices: HelpChoice[] = [];
  const adjusted: string[] = [];
  for (const [name, input] of Object.entries(block.inputs)) {
    const words = wordsOf(input);
    const isComponent = COMPONENT_INPUTS.has(name);
    const carried = isComponent
      ? await havingComponents(subject, { ...combinations[0], ...values }, name)
      : Object.keys(words).filter((value) => combinations.some((each) => each[name] === value));
    const [first] = carried;
    if (first === undefined) return undefined;
    const wanted = asked[name];
    if (wanted !== undefined && !Object.hasOwn(words, wanted)) throw unknownValue(name, wanted, carried);
    const value = [wanted, preferred[name], input.default].find((each) => each !== undefined && carried.includes(each));
    values[name] = value ?? first;
    if (wanted !== undefined && wanted !== values[name])
      adjusted.push(`“${wanted}” is not here; “${values[name]}” is shown instead.`);
    if (!isComponent) combinations = combinations.filter((each) => each[name] === values[name]);
    const options = carried.map((each) => ({ value: each, label: words[each] ?? each }));
    choices.push({ name, label: input.label, options, value: values[name] });
  }
  return { choices, filling: fillingOf(block, values), adjusted };
}

/**
 * The text of a block for a mirror: sources of apt lose suites that the tree does not have, since apt would fail
 * for them.
 */
export async function textFor(subject: HelpSubject, place: HelpPlace, filling: Filling): Promise<string> {
  const { block, look, mirror } = subject;
  const text = fillIn(block.body, place, filling);
  if (!isAptForm(block.lang) || !look.isPublished(mirror.name)) return text;
  const missing = new Set<string>();
  for (const source of aptSources(block.lang, text)) {
    const base = pathBelow(source.uri, endpointOf(place));
    if (base === undefined) continue;
    for (const suite of source.suites)
      if (!(await look.has(mirror.name, suitePath(base, suite)))) missing.add(`${source.uri} ${suite}`);
  }
  return withSuites(block.lang, text, ({ uri }, suite) => !missing.has(`${uri} ${suite}`));
}

/** Where below `endpoint` an address is, without slashes at its ends; undefined where it is elsewhere. */
export function pathBelow(uri: string, endpoint: string): string | undefined {
  const plain = uri.replace(/\/+$/, '');
  if (plain === endpoint) return '';
  return plain.startsWith(`${endpoint}/`) ? plain.slice(endpoint.length + 1) : undefined;
}

/** Combinations of values of which the mirror has the first suite of the first of its sources. */
async function possible(subject: HelpSubject): Promise<Values[]> {
  const { block, mirror, look } = subject;
  const all = Object.entries(block.inputs)
    .filter(([name]) => !COMPONENT_INPUTS.has(name))
    .reduce<Values[]>(
      (before, [name, input]) => {
        const values = Object.keys(wordsOf(input)).filter((value) => isSelected(mirror, name, value));
        return before
          .flatMap((each) => values.map((value) => ({ ...each, [name]: value })))
          .slice(0, MOST_COMBINATIONS);
      },
      [{}],
    );
  if (!isAptForm(block.lang) || !look.isPublished(mirror.name)) return all;
  const kept: Values[] = [];
  for (const values of all) {
    const own = ownSource(subject, { ...defaultsOf(block), ...values });
    const [suite] = own?.source.suites ?? [];
    if (!own || suite === undefined || (await look.has(mirror.name, suitePath(own.base, suite)))) kept.push(values);
  }
  return kept;
}

/** The values of an input of components that the first suite has all of. */
async function havingComponents(subject: HelpSubject, values: Values, name: string): Promise<string[]> {
  const { block, mirror, look } = subject;
  const all = Object.keys(wordsOf(block.inputs[name]));
  if (!isAptForm(block.lang) || !look.isPublished(mirror.name)) return all;
  const carried: string[] = [];
  for (const value of all) {
    const own = ownSource(subject, { ...values, [name]: value });
    const suite = own?.source.suites[0];
    const paths =
      own && suite !== undefined ? own.source.components.map((each) => `${suitePath(own.base, suite)}/${each}`) : [];
    const there = await Promise.all(paths.map((path) => look.has(mirror.name, path)));
    if (there.every(Boolean)) carried.push(value);
  }
  return carried;
}

/** The first source of a filled block that is this mirror itself, and where below its root that is. */
function ownSource({ block, mirror }: HelpSubject, values: Values): { source: AptSource; base: string } | undefined {
  if (!isAptForm(block.lang)) return undefined;
  const place = { origin: NOWHERE, mirror: mirror.name, rsync: null };
  for (const source of aptSources(block.lang, fillIn(block.body, place, fillingOf(block, values)))) {
    const base = pathBelow(source.uri, endpointOf(place));
    if (base !== undefined) return { source, base };
  }
  return undefined;
}

/** A suite that ends in a slash is a folder itself (sources.list(5)), others are below `dists/`. */
function suitePath(base: string, suite: string): string {
  const below = suite.endsWith('/') ? suite.slice(0, -1) : `dists/${suite}`;
  return base === '' ? below : `${base}/${below}`;
}

/** Selections have names of their own: what presets call `suites` are their readers' releases, branches or versions. */
function isSelected({ selected }: HelpSubject['mirror'], input: string, value: string): boolean {
  const names = [input, `${input}s`, ...(SUITE_INPUTS.has(input) ? ['suites', 'releases', 'release'] : [])];
  const chosen = names.map((name) => selected[name]).find(Boolean);
  return !chosen || chosen.includes(value);
}

function fillingOf(block: HelpBlock, values: Values): Filling {
  const inputs = Object.entries(block.inputs);
  return Object.fromEntries(inputs.map(([name, input]) => [name, textOf(input, values[name] ?? input.default)]));
}

function defaultsOf(block: HelpBlock): Values {
  return Object.fromEntries(Object.entries(block.inputs).map(([name, input]) => [name, input.default]));
}

function wordsOf(input: HelpBlock['inputs'][string] | undefined): Readonly<Record<string, string>> {
  return input?.options ?? { off: 'no', on: 'yes' };
}

function unknownValue(name: string, value: string, carried: readonly string[]): MillpondError {
  const shown = JSON.stringify(value.slice(0, 100));
  return new MillpondError('invalid', `${name}=${shown} cannot be chosen here: there are ${carried.join(', ')}.`, {
    hint: 'The page without it shows what may be chosen.',
  });
}
