import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { MillpondError, systemCode } from '../core/errors.js';
import { dottedPath, errorMap, problemsOf } from './problems.js';
import { resolveSettings, resolveProblems } from './resolve.js';
import { schema } from './schema.js';
import type { Settings } from './settings.js';
import { withPresets } from './use-preset.js';
import { readYaml } from './yaml-document.js';

/** Largest configuration, in bytes. */
const LARGEST = 1024 * 1024;
/** Problems that are told at a time. */
const MOST_PROBLEMS = 50;

/**
 * Reads and checks a configuration file.
 * @throws MillpondError `not-found` or `invalid`; the message of `invalid` lists every problem, one a line
 */
export function loadSettings(file: string): Settings {
  return parseSettings(readText(resolve(file)), file);
}

/**
 * Checks the text of a configuration; relative paths in it count from the folder of `file`, which is not read.
 * @throws MillpondError `invalid`; its message lists every problem, one a line: path, value, what is allowed, line
 */
export function parseSettings(text: string, file: string): Settings {
  const path = resolve(file);
  if (text.trim() === '') throw invalid(path, ['it is empty']);
  const document = readYaml(text);
  if ('problems' in document) throw invalid(path, document.problems);
  if (document.value === undefined) throw invalid(path, ['it holds nothing but comments']);
  const { value, problems: ofPresets } = withPresets(document.value);
  const checked = schema.safeParse(value, { error: errorMap });
  const problems = [...ofPresets, ...(checked.success ? [] : problemsOf(checked.error.issues))];
  if (checked.success && problems.length === 0) problems.push(...resolveProblems(checked.data, path));
  if (checked.success && problems.length === 0) return resolveSettings(checked.data, path);
  const located = problems.map((problem) => ({ ...problem, line: document.lineOf(problem.path) ?? 0 }));
  located.sort((a, b) => a.line - b.line);
  throw invalid(
    path,
    located.map(({ path: where, sentence, line }) => {
      const begin = where.length === 0 ? '' : `${dottedPath(where)}: `;
      return `${begin}${sentence}${line === 0 ? '' : ` (line ${line})`}`;
    }),
  );
}

function readText(path: string): string {
  const file = open(path);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw invalid(path, ['it is not a regular file']);
    if (stat.size > LARGEST) throw invalid(path, [`it is larger than 1 MiB (${stat.size} bytes)`]);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (systemCode(error) !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    throw invalid(path, ['it is not UTF-8 text']);
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO must not hold the program up
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new MillpondError('not-found', `the configuration "${path}" does not exist`, {
        hint: 'Write one with: millpond init',
      });
    throw new MillpondError(
      'invalid',
      `the configuration "${path}" cannot be read (${systemCode(error) ?? 'unknown'})`,
    );
  }
}

function invalid(path: string, all: readonly string[]): MillpondError {
  const begin = `the configuration "${path}" cannot be used`;
  const rest = all.length - MOST_PROBLEMS;
  const problems = rest > 0 ? [...all.slice(0, MOST_PROBLEMS), `and ${rest} more`] : all;
  return new MillpondError('invalid', `${begin}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
}
