import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { closest } from 'fastest-levenshtein';
import { MillpondError } from '../core/errors.js';
import { presetSchema, type RawPreset } from './preset-schema.js';
import { dottedPath, errorMap, problemsOf } from './problems.js';
import { readYaml } from './yaml-document.js';

/** What is known about one upstream: `config/presets/<id>.yaml`. Immutable. */
export interface Preset extends RawPreset {
  readonly id: string;
}

/** Largest file of a preset, in bytes. */
const LARGEST = 256 * 1024;
const ENDING = '.yaml';

const loaded = new Map<string, Preset>();
let known: readonly string[] | undefined;

/** The names of all presets, sorted. They are part of the program and are listed once. */
export function presetIds(): readonly string[] {
  known ??= readdirSync(folder())
    .filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length))
    .sort();
  return known;
}

/** Why there is no preset of that name, as a sentence, or undefined when there is one. */
export function presetProblem(id: string): string | undefined {
  const ids = presetIds();
  if (ids.includes(id)) return undefined;
  const near = closest(id, [...ids]);
  return `${JSON.stringify(id)} is not the name of a preset; the nearest is "${near}", and millpond presets lists all`;
}

/**
 * The preset of that name, read once.
 * @throws MillpondError `not-found`, or `invalid` with every mistake in its file, one a line
 */
export function findPreset(id: string): Preset {
  const found = loaded.get(id);
  if (found) return found;
  const problem = presetProblem(id);
  if (problem !== undefined) throw new MillpondError('not-found', problem);
  const file = fileURLToPath(new URL(`${id}${ENDING}`, folder()));
  const { size } = statSync(file);
  if (size > LARGEST) throw invalid(id, [`it is larger than 256 KiB (${size} bytes)`]);
  const preset = parsePreset(id, readFileSync(file, 'utf8'));
  loaded.set(id, preset);
  return preset;
}

/**
 * Checks the text of a preset.
 * @throws MillpondError `invalid`; its message lists every mistake, one a line: key, value, what is allowed, line
 */
export function parsePreset(id: string, text: string): Preset {
  const document = readYaml(text);
  if ('problems' in document) throw invalid(id, document.problems);
  const checked = presetSchema.safeParse(document.value ?? {}, { error: errorMap });
  if (checked.success) return { id, ...checked.data };
  const problems = problemsOf(checked.error.issues).map(({ path, sentence }) => {
    const line = document.lineOf(path);
    return `${dottedPath(path)}: ${sentence}${line === undefined ? '' : ` (line ${line})`}`;
  });
  throw invalid(id, problems);
}

function invalid(id: string, problems: readonly string[]): MillpondError {
  const lines = problems.map((problem) => `  ${problem}`).join('\n');
  return new MillpondError('invalid', `the preset "${id}" cannot be used:\n${lines}`);
}

/** Beside the sources, and two folders up from the built program. */
function folder(): URL {
  const places = ['./presets/', '../../config/presets/'].map((place) => new URL(place, import.meta.url));
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error(`no presets beside ${fileURLToPath(import.meta.url)}`);
  return found;
}
