import { canonicalRegistry } from '../core/oci/names.js';
import { quote } from './fields.js';
import { registryHint } from './image-problems.js';
import { matchesName } from './name-pattern.js';
import type { Problem } from './problems.js';
import { nameOf, sourceOf } from './resolve-images.js';
import type { RawSettings } from './schema.js';

/** What registries, images, mirrors and our own registry only tell together: two that claim one name, or one that lacks. */
export function imageConflicts(raw: RawSettings): Problem[] {
  return [
    ...registryConflicts(raw),
    ...aliasConflicts(raw),
    ...imageNames(raw),
    ...pushConflicts(raw),
    ...retentionConflicts(raw),
  ];
}

function registryConflicts({ registries, mirrors }: RawSettings): Problem[] {
  const seen = new Map<string, string>();
  return Object.entries(registries).flatMap(([key, { on_demand }]) => {
    const name = canonicalRegistry(key);
    const path = ['registries', key];
    const found: Problem[] = [];
    const first = seen.get(name);
    if (first !== undefined)
      found.push({ path, sentence: `is the same registry as ${quote(first)}: leave one of them` });
    seen.set(name, first ?? key);
    if (Object.hasOwn(mirrors, name))
      found.push({ path, sentence: `${quote(name)} is the name of a mirror too: give that another one` });
    for (const list of ['allow', 'pin'] as const)
      on_demand?.[list].forEach((pattern, index) => {
        if (!pattern.startsWith(`${name}/`)) return;
        const inside = quote(pattern.slice(name.length + 1));
        const sentence = `${quote(pattern)} begins with the registry, which is understood: write ${inside}`;
        found.push({ path: [...path, 'on_demand', list, index], sentence });
      });
    return found;
  });
}

function aliasConflicts({ registries, site }: RawSettings): Problem[] {
  const names = new Set(Object.keys(registries).map(canonicalRegistry));
  const ownHost = site.url === undefined ? undefined : new URL(site.url).hostname;
  const seen = new Map<string, string>();
  return Object.entries(registries).flatMap(([key, registry]) => {
    const alias = registry.alias?.toLowerCase();
    if (alias === undefined) return [];
    const path = ['registries', key, 'alias'];
    const first = seen.get(alias);
    seen.set(alias, first ?? key);
    if (alias === ownHost)
      return [{ path, sentence: `${quote(alias)} is the host of site.url: an alias is another name of this server` }];
    if (first !== undefined)
      return [{ path, sentence: `${quote(alias)} is the alias of ${quote(first)} too: each registry has its own` }];
    const named = canonicalRegistry(alias);
    if (!names.has(named) || named === canonicalRegistry(key)) return [];
    return [{ path, sentence: `${quote(alias)} is the name of another registry` }];
  });
}

function imageNames({ registries, images }: RawSettings): Problem[] {
  const known = Object.keys(registries).map(canonicalRegistry);
  const seen = new Map<string, number>();
  return images.flatMap((image, index) => {
    const name = nameOf(image);
    const source = sourceOf(image).registry;
    const found: Problem[] = [];
    const complain = (key: string, sentence: string): number => found.push({ path: ['images', index, key], sentence });
    if (!known.includes(source))
      complain(
        'from',
        `${quote(image.from)} names the registry ${quote(source)}, which is not in registries; ${registryHint(source, known)}`,
      );
    const here = name.slice(0, name.indexOf('/'));
    if (image.as !== undefined && here !== source && known.includes(here))
      complain('as', `${quote(image.as)} begins with another registry, ${quote(here)}, whose names are its own`);
    const first = seen.get(name);
    if (first !== undefined)
      complain(
        image.as === undefined ? 'from' : 'as',
        `${quote(name)} is images[${first}] already; give it another name with "as"`,
      );
    seen.set(name, first ?? index);
    return found;
  });
}

/** What is mirrored or fetched is upstream's: nobody else may write there. */
function pushConflicts({ registry, registries, images }: RawSettings): Problem[] {
  const names = Object.keys(registries).map(canonicalRegistry);
  const mirrored = images.map(nameOf);
  return registry.push.flatMap((pattern, index) => {
    const path = ['registry', 'push', index];
    const [first = '', ...rest] = pattern.split('/');
    const claimed = names.find((name) => first === '**' || (rest.length > 0 && matchesName(first, name)));
    if (claimed !== undefined) {
      const sentence = `${quote(pattern)} opens repositories of the registry ${quote(claimed)} too; begin with a part of your own, as lab/*`;
      return [{ path, sentence }];
    }
    const image = mirrored.find((name) => matchesName(pattern, name));
    if (image === undefined) return [];
    return [{ path, sentence: `${quote(pattern)} opens ${quote(image)} too, which is mirrored from upstream` }];
  });
}

/** A rule about upstream's repositories would never do anything. */
function retentionConflicts({ registry, registries }: RawSettings): Problem[] {
  const names = Object.keys(registries).map(canonicalRegistry);
  return registry.retention.flatMap(({ repositories }, rule) =>
    repositories.flatMap((pattern, index) => {
      const named = names.find((name) => pattern.startsWith(`${name}/`));
      if (named === undefined) return [];
      const sentence = `${quote(pattern)} names repositories of the registry ${quote(named)}, which go by its own rules: retention is about what is pushed, as lab/**`;
      return [{ path: ['registry', 'retention', rule, 'repositories', index], sentence }];
    }),
  );
}
