import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { jsonSchema } from '../../config/json-schema.js';
import { loadSettings, parseSettings } from '../../config/load.js';
import { initTemplate } from '../../config/template.js';

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

const OF_IMAGES: ReadonlySet<string> = new Set(['zones', 'proxies', 'registries', 'images', 'registry']);

function file(name: string): URL {
  return new URL(`../../config/${name}`, import.meta.url);
}

/** Every key of the schema with its path, `*` for the names of mirrors. */
function keys(node: Node, path: readonly string[] = []): { path: readonly string[]; node: Node }[] {
  const below = Object.entries(node.properties ?? {}).flatMap(([key, each]) => [
    { path: [...path, key], node: each },
    ...keys(each, [...path, key]),
  ]);
  const others = typeof node.additionalProperties === 'object' ? keys(node.additionalProperties, [...path, '*']) : [];
  const items = node.items ? keys(node.items, path) : [];
  return [...below, ...others, ...items, ...(node.anyOf ?? []).flatMap((each) => keys(each, path))];
}

/** What stands at a path of the schema, where `*` and items of lists are the first ones. */
function valueAt(written: unknown, path: readonly string[]): unknown {
  let found = written;
  for (const segment of path) {
    const section: unknown = Array.isArray(found) ? found[0] : found;
    if (typeof section !== 'object' || section === null) return undefined;
    found = segment === '*' ? Object.values(section)[0] : (section as Record<string, unknown>)[segment];
  }
  return found;
}

describe('jsonSchema', () => {
  test('is what stands in config/millpond.schema.json: npm run build && node scripts/write-schema.mjs', () => {
    expect(JSON.parse(readFileSync(file('millpond.schema.json'), 'utf8'))).toEqual(jsonSchema());
  });

  test('names every key, each with its meaning', () => {
    const all = keys(jsonSchema());
    const paths = all.map(({ path }) => path.join('.'));
    expect(paths).toEqual(
      expect.arrayContaining([
        'site.name',
        'listen.http',
        'sync.keep.days',
        'mirrors.*.upstream',
        'mirrors.*.stages.options',
        'registries.*.on_demand.allow',
        'images.tags.semver',
        'registry.keep.grace',
      ]),
    );
    const silent = all.filter(({ node }) => !node.description).map(({ path }) => path.join('.'));
    expect(silent).toEqual([]);
  });

  test('refuses unknown keys in editors too', () => {
    const { properties } = jsonSchema() as Node;
    expect(jsonSchema()).toMatchObject({ additionalProperties: false });
    expect(properties?.['sync']).toMatchObject({ additionalProperties: false });
    expect(properties?.['mirrors']?.additionalProperties).toMatchObject({ additionalProperties: false });
  });
});

describe('initTemplate', () => {
  test('is config/example.yaml, which begins with the schema for editors and can be used as it is', () => {
    expect(initTemplate()).toBe(readFileSync(file('example.yaml'), 'utf8'));
    expect(initTemplate()).toMatch(/^# yaml-language-server: \$schema=\.\/millpond\.schema\.json\n/);
    expect([...parseSettings(initTemplate(), '/x/millpond.yaml').mirrors.keys()]).toEqual(['debian']);
  });

  test('holds every key of the schema', () => {
    const example = initTemplate();
    const missing = keys(jsonSchema()).filter(({ path }) => !new RegExp(`[ {#-]*\\b${path.at(-1)}:`).test(example));
    expect(missing.map(({ path }) => path.join('.'))).toEqual([]);
  });

  test('shows the true defaults in its comments', () => {
    const comments = [...initTemplate().matchAll(/^ *# ([a-z_]+: .*)$/gm)];
    const shown: Record<string, unknown> = {};
    for (const [, line = ''] of comments) Object.assign(shown, parse(line));
    Object.assign(shown, shown['keep'], shown['retry'], shown['guard']);
    // of images all is commented out, examples and defaults alike: compared below
    const others = keys(jsonSchema()).filter(({ path }) => !OF_IMAGES.has(path[0] ?? ''));
    const compared = others.flatMap(({ path, node }) => {
      const key = path.at(-1) ?? '';
      const hasOne = node.default !== undefined && typeof node.default !== 'object' && key in shown;
      return hasOne && key !== 'http' ? [{ key, default: node.default, shown: shown[key] }] : [];
    });
    expect(compared.length).toBeGreaterThan(12);
    expect(compared.filter((each) => each.default !== each.shown)).toEqual([]);
  });

  test('shows images that can be used as they are, with every key of theirs and its true default', () => {
    const lines = initTemplate().split('\n');
    const commented = lines.slice(lines.indexOf('# zones:')).map((line) => line.replace(/^# ?/, ''));
    // sentences between the sections begin with a capital letter, those within them with one more "#"
    const text = commented.filter((line) => !/^[A-Z]|^refers to|^docker\.io\//.test(line)).join('\n');
    const written = parse(text) as Record<string, unknown>;
    expect(Object.keys(written)).toEqual([...OF_IMAGES]);
    const missing = keys(jsonSchema()).filter(
      ({ path }) => OF_IMAGES.has(path[0] ?? '') && path.at(-1) !== 'every' && valueAt(written, path) === undefined,
    );
    expect(missing.map(({ path }) => path.join('.'))).toEqual([]);
    const { registry, images } = parseSettings(text, '/x/millpond.yaml');
    const { registry: byDefault } = parseSettings('data: ./data', '/x/millpond.yaml');
    expect(registry).toMatchObject({ maxManifest: byDefault.maxManifest, keep: byDefault.keep });
    const bare = 'images: [{ from: q/x, tags: "*", schedule: manual }]\nregistries: { q: { url: "https://q" } }';
    const plain = parseSettings(bare, '/x/millpond.yaml').images.get('q/x');
    for (const key of ['timeout', 'stall', 'retry', 'referrers'] as const)
      expect(images.get('base/debian')?.[key]).toEqual(plain?.[key]);
  });

  test('shows nothing in its comments that would be refused', () => {
    const lines = initTemplate().split('\n');
    const start = lines.findIndex((line) => line === '    # stages:');
    const stages = lines.slice(start, lines.indexOf('', start)).map((line) => line.replace(/^ {4}# /, ''));
    const single = lines.flatMap((line) => /^ {4}# ([a-z_]+: \S.*)$/.exec(line)?.[1] ?? []);
    expect(single.length).toBeGreaterThan(12);
    for (const text of [stages.join('\n'), ...single]) {
      const base = { upstream: ['rsync://h/m/', 'h:m/'], schedule: '0 0 * * *' };
      const written = parse(text) as Record<string, unknown>;
      const given = 'every' in written ? { ...base, schedule: undefined, ...written } : { ...base, ...written };
      if ('upstream' in written) expect(written['upstream']).toHaveLength(2);
      expect(() => parseSettings(stringify({ mirrors: { debian: given } }), '/x/millpond.yaml')).not.toThrow();
    }
  });
});

test('config/quickstart.yaml can be used and mirrors its own daemon every minute', () => {
  const settings = loadSettings(new URL('../../config/quickstart.yaml', import.meta.url).pathname);
  expect(settings.site.name).toBe('Millpond quick start');
  expect(settings.data).toBe(new URL('../../data', import.meta.url).pathname);
  expect(settings.listen.http).toMatchObject([{ address: { kind: 'tcp', host: '127.0.0.1', port: 8080 } }]);
  expect(settings.sync.jitter).toBe(0);
  expect(settings.mirrors.get('pond')).toMatchObject({
    title: 'Quick start repository',
    upstreams: ['rsync://127.0.0.1:8730/pond/'],
    schedule: { kind: 'cron', expression: '* * * * *' },
    stages: [{ name: 'content' }, { name: 'indexes' }],
    marker: { paths: ['project/trace/master'], parser: 'date-line' },
  });
});
