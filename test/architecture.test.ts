import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { exportedTableKeys, moduleName, projectFiles, readSources, type SourceFile } from './fixtures/source-files.js';

/** A folder imports only from itself and from those with a smaller number; equal numbers never import each other. */
const ORDER: Readonly<Record<string, number>> = {
  ...{ core: 0, config: 1, platform: 2, store: 3, content: 4 },
  ...{ sync: 5, server: 5, cli: 6 },
};
const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 60;
const CHILD_MODULES = new Set(['execa', 'node:child_process']);
const CHILD_DOOR = join('platform', 'child.ts');
/** What of Node computes only; all else of it is I/O. */
const PURE_MODULES = new Set(['node:buffer', 'node:crypto', 'node:path', 'node:util']);

const files = projectFiles();
const sources = readSources(files);
const shipped = sources.filter(({ path }) => topFolder(path) in ORDER);

describe('folders', () => {
  it('are all there, so that what follows means something', () => {
    expect(new Set(shipped.map(({ path }) => topFolder(path)))).toEqual(new Set(Object.keys(ORDER)));
  });

  it('import only from those to their left', () => {
    const wrong = shipped.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== null && !mayImport(topFolder(path), topFolder(target)))
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('import files that are there', () => {
    const known = new Set(files);
    const missing = sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== null && !target.startsWith('dist') && !known.has(target))
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
    expect(missing).toEqual([]);
  });

  it('have no import cycle', () => {
    expect(findCycle(shipped)).toEqual([]);
  });

  it('core does no I/O and knows no package', () => {
    const wrong = shipped
      .filter(({ path }) => topFolder(path) === 'core')
      .flatMap(({ path, imports }) =>
        imports
          .filter(({ target, specifier }) => target === null && !PURE_MODULES.has(moduleName(specifier)))
          .map(({ specifier }) => `${path} imports ${specifier}`),
      );
    expect(wrong).toEqual([]);
  });

  it('start child processes in platform/child.ts only', () => {
    const doors = shipped.filter(({ imports }) => imports.some((one) => CHILD_MODULES.has(moduleName(one.specifier))));
    expect(doors.map(({ path }) => path)).toEqual([CHILD_DOOR]);
  });
});

describe('kinds', () => {
  it.each(['sync/upstreams/kinds.ts', 'content/verify/kinds.ts'])('%s equals the folders beside it', (path) => {
    const table = sources.find((source) => source.path === path);
    expect(table, `${path} is there`).toBeDefined();
    expect(table && exportedTableKeys(table).sort()).toEqual(foldersIn(dirname(path)));
  });
});

describe('sizes', () => {
  it(`no file is over ${MAX_FILE_LINES} lines`, () => {
    const sorted = sources.toSorted((a, b) => b.lines - a.lines);
    print(
      'largest files',
      sorted.slice(0, 10).map(({ path, lines }) => `${lines} ${path}`),
    );
    expect(sorted.filter(({ lines }) => lines > MAX_FILE_LINES).map(({ path }) => path)).toEqual([]);
  });

  it(`no function is over ${MAX_FUNCTION_LINES} lines`, () => {
    const sorted = sources.flatMap(({ functions }) => functions).sort((a, b) => b.lines - a.lines);
    const line = ({ name, path, line, lines }: (typeof sorted)[number]) => `${lines} ${path}:${line} ${name}`;
    print('largest functions', sorted.slice(0, 10).map(line));
    expect(sorted.filter(({ lines }) => lines > MAX_FUNCTION_LINES).map(line)).toEqual([]);
  });
});

describe('documentation', () => {
  const manual = files
    .filter((path) => path === 'README.md' || /^docs\/.*\.md$/.test(path))
    .map(read)
    .join('\n');

  it('names every key of the configuration, as the example does', () => {
    const keys = configKeys(JSON.parse(read('config/millpond.schema.json')));
    expect(keys.size).toBeGreaterThan(10);
    const example = read('config/example.yaml');
    expect([...keys].filter((key) => !new RegExp(`(?:^|[\\s#{,])"?${key}"?:`, 'm').test(example))).toEqual([]);
    expect([...keys].filter((key) => !new RegExp(`(?:^|[\\s\`#{,."])${key}"?[:\`]`, 'm').test(manual))).toEqual([]);
  });

  it('names every verb of the command line', async () => {
    const { buildProgram } = await import('../cli/program.js');
    const verbs = verbsOf(buildProgram());
    expect(verbs.length).toBeGreaterThan(5);
    expect(verbs.filter((verb) => !manual.includes(`millpond ${verb}`))).toEqual([]);
  });
});

describe('what is committed', () => {
  it('holds no path of a machine and no host of a package registry', () => {
    // put together here, so that this file does not hold them
    const forbidden = ['/ho' + 'me/', '/Us' + 'ers/', 'registry.npm' + 'js.org', 'registry.yarn' + 'pkg.com'];
    const own = Object.keys(ORDER).map((folder) => `${join(PACKAGE_ROOT, folder)}/`);
    const found = files.flatMap((path) => {
      const text = readFileSync(join(PACKAGE_ROOT, path), 'latin1');
      return [...forbidden, ...own].filter((word) => text.includes(word)).map((word) => `${path}: ${word}`);
    });
    expect(found).toEqual([]);
  });

  it('has a lock file that names no registry', () => {
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { resolved?: string }> };
    expect(Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
  });
});

function topFolder(path: string): string {
  return path.split('/')[0] ?? '';
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const right = ORDER[from];
  const left = ORDER[to];
  return right !== undefined && left !== undefined && left < right;
}

/** The first cycle of imports that is found, or nothing. */
function findCycle(all: readonly SourceFile[]): string[] {
  const graph = new Map(all.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]));
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): string[] => {
    const start = trail.indexOf(path);
    if (start >= 0) return [...trail.slice(start), path];
    if (done.has(path)) return [];
    for (const next of graph.get(path) ?? []) {
      const cycle = walk(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of graph.keys()) {
    const cycle = walk(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

function foldersIn(folder: string): string[] {
  const entries = readdirSync(join(PACKAGE_ROOT, folder), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** The names of all properties anywhere in a JSON Schema. */
function configKeys(schema: unknown): Set<string> {
  if (typeof schema !== 'object' || schema === null) return new Set();
  const own = 'properties' in schema && !Array.isArray(schema) ? Object.keys(schema.properties as object) : [];
  // below "properties" the keys are names of the configuration's, not of JSON Schema's
  const below = Object.entries(schema).flatMap(([name, value]) =>
    name === 'properties' ? Object.values(value as object).map(configKeys) : [configKeys(value)],
  );
  return new Set([...own, ...below.flatMap((keys) => [...keys])]);
}

function verbsOf(command: Command, prefix = ''): string[] {
  return command.commands.flatMap((child) => {
    const name = `${prefix}${child.name()}`;
    return child.commands.length > 0 ? verbsOf(child, `${name} `) : [name];
  });
}

function read(path: string): string {
  return readFileSync(join(PACKAGE_ROOT, path), 'utf8');
}

function print(title: string, lines: readonly string[]): void {
  console.log(`${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
