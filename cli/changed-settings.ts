import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../config/settings.js';

/** Dotted paths of what differs, as deep as an operator thinks of it: `sync.jitter`, `mirrors.debian`, `listen.http`. */
export function changedPaths(before: Settings, after: Settings): string[] {
  const old = entries(before);
  const now = entries(after);
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => !isDeepStrictEqual(old.get(path), now.get(path)))
    .sort();
}

function entries({
  zones,
  proxies,
  mirrors,
  registries,
  images,
  registry,
  site,
  sync,
  listen,
  files,
  help,
  accessLog,
  frontLog,
  data,
  grace,
  workers,
}: Settings): Map<string, unknown> {
  const found = new Map<string, unknown>(
    Object.entries({ data, grace, workers, access_log: accessLog, 'statistics.front_log': frontLog }),
  );
  for (const [section, values] of Object.entries({ site, sync, listen, files, help, proxies, registry }))
    for (const [key, value] of Object.entries(values)) found.set(`${section}.${key}`, value);
  for (const [name, zone] of zones) found.set(`zones.${name}`, zone);
  for (const [name, mirror] of mirrors) found.set(`mirrors.${name}`, mirror);
  for (const [name, upstream] of registries) found.set(`registries.${name}`, upstream);
  // an image whose registry has changed has not
  for (const [name, image] of images) found.set(`images.${name}`, { ...image, registry: image.registry.name });
  return found;
}
