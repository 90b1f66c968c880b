import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where a configuration is looked for when none is named. */
export const USUAL_PLACES = ['millpond.yaml', '/etc/millpond/millpond.yaml'] as const;

/**
 * Absolute path of the configuration: `--config`, else MILLPOND_CONFIG, else the first of the usual places that
 * exists, else null. A file that was named is returned whether it exists or not, so that its absence is noticed.
 */
export function findConfig(from: {
  flag: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
}): string | null {
  const named = from.flag ?? (from.env['MILLPOND_CONFIG'] || undefined);
  if (named !== undefined) return resolve(from.cwd, named);
  const places = USUAL_PLACES.map((place) => resolve(from.cwd, place));
  return places.find((place) => existsSync(place)) ?? null;
}
