import type { SelectionRule } from '../core/mirror.js';
import { isSection, quote } from './fields.js';
import type { Preset } from './presets.js';
import { findPreset, presetProblem } from './presets.js';
import type { Problem } from './problems.js';

type Section = Readonly<Record<string, unknown>>;

/** What a mirror adds to its preset instead of replacing it: nobody loses a rule by writing one more. */
const ADDED = ['exclude', 'protect'];
/** Of these, one in the entry replaces all of the preset. */
const RHYTHM = ['schedule', 'timezone', 'every'];
/** Stands in for what an unknown preset would have given, so that only true mistakes are told. */
const STAND_IN: Section = { upstream: '/', schedule: 'manual' };

/**
 * The configuration as it was read, with each mirror completed by its preset: what the entry gives wins, key by key,
 * and its "exclude" and "protect" are added to the preset's. Nothing else in it is looked at.
 */
export function withPresets(written: unknown): { readonly value: unknown; readonly problems: readonly Problem[] } {
  if (!isRecord(written) || !isRecord(written['mirrors'])) return { value: written, problems: [] };
  const problems: Problem[] = [];
  const mirrors = Object.entries(written['mirrors']).map(([name, entry]) => {
    if (!isRecord(entry) || typeof entry['preset'] !== 'string') return [name, entry] as const;
    const problem = presetProblem(entry['preset']);
    if (problem !== undefined) {
      problems.push({ path: ['mirrors', name, 'preset'], sentence: problem });
      return [name, completed(entry, STAND_IN)] as const;
    }
    const preset = findPreset(entry['preset']);
    const whole = completed(entry, preset.mirror);
    for (const { path, sentence } of selectProblems(preset, whole['select']))
      problems.push({ path: ['mirrors', name, 'select', ...path], sentence });
    return [name, whole] as const;
  });
  return { value: { ...written, mirrors: Object.fromEntries(mirrors) }, problems };
}

/** The filters of a selection, in the order in which they hold; the first that matches a path decides. */
export function selectionRules(preset: Preset, chosen: Readonly<Record<string, readonly string[]>>): SelectionRule[] {
  return Object.entries(preset.select).flatMap(([name, { values = [], keep, drop, rest }]): SelectionRule[] => {
    const wanted = chosen[name];
    if (!wanted) return [];
    const unwanted = values.filter((value) => !wanted.includes(value));
    const filled = (patterns: readonly string[], words: readonly string[], show: boolean): SelectionRule[] =>
      words.flatMap((word) => patterns.map((pattern) => ({ show, pattern: pattern.replaceAll('{value}', word) })));
    return [
      ...filled(keep, wanted, true),
      ...filled(drop, unwanted, false),
      ...rest.map((pattern) => ({ show: false, pattern })),
    ];
  });
}

/** Why `chosen` cannot be selected of a preset. Values that are no lists of texts are left to the schema. */
export function selectProblems(preset: Preset, chosen: unknown): Problem[] {
  if (!isRecord(chosen)) return [];
  const names = Object.keys(preset.select);
  return Object.entries(chosen).flatMap(([name, given]): Problem[] => {
    const selection = Object.hasOwn(preset.select, name) ? preset.select[name] : undefined;
    if (!selection) {
      const all = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
      return [{ path: [name], sentence: `the preset "${preset.id}" has no selection of this name: ${all}` }];
    }
    const { values } = selection;
    if (!values) return [];
    return asList(given)
      .filter((value) => typeof value === 'string' && !values.includes(value))
      .map((value) => ({
        path: [name],
        sentence: `${quote(value)} cannot be chosen: allowed are ${values.join(', ')}`,
      }));
  });
}

function completed(entry: Section, preset: Section): Section {
  const given = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
  const hasRhythm = RHYTHM.some((key) => key in given);
  const base = Object.fromEntries(Object.entries(preset).filter(([key]) => !hasRhythm || !RHYTHM.includes(key)));
  const added = ADDED.filter((key) => key in given && key in base).map(
    // what the operator wrote comes first, so that a mistake is told with its place in the file
    (key) => [key, [...asList(given[key]), ...asList(base[key])]] as const,
  );
  return { ...base, ...given, ...Object.fromEntries(added) };
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function isRecord(value: unknown): value is Section {
  return isSection(value);
}
