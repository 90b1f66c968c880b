import type { Settings } from '../config/settings.js';
import { scrubUpstream } from '../core/upstream.js';

/** Makes text fit for the public: no user names or passwords in addresses, no paths of this machine. */
export type Scrub = (text: string) => string;

/** Longest text that is scrubbed as it is, in characters: what is longer is cut, so that no line can cost much. */
const LONGEST = 2048;

const NAMED_SECRET =
  /\b(password|passwd|passphrase|secret|token|authorization)(\s{0,4}[=:]\s{0,4})("[^"]{0,512}"|\S{1,512})/gi;
const LOCAL_PATH =
  /(^|[\s"'=([<,:])\/(?:home|root|srv|var|etc|tmp|mnt|opt|usr|run|media|export|data|proc|dev)(?:\/[^\s"')\]>,]*)+/g;

export function scrubberFor(settings: Settings): Scrub {
  const places = knownPlaces(settings);
  return (text) => {
    let clean = text.length > LONGEST ? `${text.slice(0, LONGEST)} … (cut)` : text;
    for (const [path, name] of places) clean = clean.replaceAll(path, name);
    return scrubUpstream(clean).replace(NAMED_SECRET, '$1$2***').replace(LOCAL_PATH, '$1(a local path)');
  };
}

/**
 * The same for what is said of one mirror: where its files are for some zones alone, nothing that may name one of them is
 * left. What rsync and verifiers say of files follows a colon, or is in quotes.
 */
export function scrubberOf(settings: Settings, mirror: string, scrub: Scrub = scrubberFor(settings)): Scrub {
  const isForSome = (settings.mirrors.get(mirror)?.read ?? null) !== null;
  return isForSome ? (text) => withoutNames(scrub(text)) : scrub;
}

function withoutNames(text: string): string {
  const end = text.search(/:\s/);
  const said = end < 0 ? text : `${text.slice(0, end)}.`;
  return said.replace(/"[^"]*"?/g, '"(a name)"');
}

/** Longest first, so that a folder inside another keeps its own name. */
function knownPlaces(settings: Settings): [string, string][] {
  const places: [string, string][] = [
    [settings.data, '(data)'],
    [settings.file, '(configuration)'],
  ];
  for (const mirror of settings.mirrors.values()) {
    for (const upstream of mirror.upstreams) if (upstream.startsWith('/')) places.push([upstream, '(local upstream)/']);
    if (mirror.sshKey) places.push([mirror.sshKey, '(key)']);
    if (mirror.password && 'file' in mirror.password) places.push([mirror.password.file, '(password file)']);
  }
  return places.filter(([path]) => path.length > 1).sort(([a], [b]) => b.length - a.length);
}
