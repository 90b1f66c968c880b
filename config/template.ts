import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The commented configuration that `millpond init` writes: `config/example.yaml`, every key with its meaning. */
export function initTemplate(): string {
  // beside the sources, and two folders up from the built program
  const places = ['./example.yaml', '../../config/example.yaml'].map((place) => new URL(place, import.meta.url));
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error(`no example.yaml beside ${fileURLToPath(import.meta.url)}`);
  return readFileSync(found, 'utf8');
}
