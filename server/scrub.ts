import type { Settings } from '../config/settings.js';
import { parseUpstream, scrubUpstream } from '../core/upstream.js';
import { isInternalName, scrubHosts } from './scrub-hosts.js';

/** Makes a line fit for the public: no user names, passwords and tokens, no internal hosts, no paths of this machine. */
export type Scrub = (text: string) => string;

/** Longest text that is scrubbed as it is, in characters: what is longer is cut, so that no line can cost much. */
const LONGEST = 2048;

/** They steer the terminals in which the text twins are read. */
const CONTROLS = /(?!\t)\p{Cc}+/gu;
const NAMED_SECRET =
  /\b((?:[a-z]{1,20}[_-])?(?:password|passwd|passphrase|secret|token|authorization|api[_-]?key|signature|sig|cookie))(\s{0,4}[=:]\s{0,4})("[^"]{0,512}"|(?:(?:Bearer|Basic)\s{1,4})?[^\s&]{1,512})/gi;
/** Where a token stands by itself: after the word of HTTP, and in the forms that forges and registries give them. */
const BARE_TOKEN =
  /\b(Bearer\s{1,4})[\w.~+/=-]{8,512}|\b(?:gh[pousr]_|github_pat_|glpat-|npm_|dckr_pat_)\w[\w-]{9,512}/gi;
const LOCAL_PATH =
  /(^|[\s"'=([<,:])\/(?:home|root|srv|var|etc|tmp|mnt|opt|usr|run|media|export|data|proc|dev)(?:\/[^\s"')\]>,]*)+/g;

export function scrubberFor(settings: Settings): Scrub {
  const places = knownPlaces(settings);
  const sshHosts = internalSshHosts(settings);
  return (text) => {
    const short = text.length > LONGEST ? `${text.slice(0, LONGEST)} … (cut)` : text;
    let clean = short.replace(CONTROLS, ' ');
    for (const [path, name] of places) clean = clean.replaceAll(path, name);
    clean = scrubSecrets(clean);
    for (const [host, place] of sshHosts) clean = clean.replace(host, place);
    return scrubHosts(clean).replace(LOCAL_PATH, '$1(a local path)');
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

/** Only what nobody may read: user names, passwords and tokens. For those who run this server. */
export function scrubSecrets(text: string): string {
  return scrubUpstream(text).replace(NAMED_SECRET, '$1$2***').replace(BARE_TOKEN, '$1***');
}

function withoutNames(text: string): string {
  const end = text.search(/:\s/);
  const said = end < 0 ? text : `${text.slice(0, end)}.`;
  return said.replace(/"(?:[^"\\]|\\.)*"?/gs, '"(a name)"');
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

/**
 * `host:folder` is no form that is safe to look for in any text, nor are the sentences of ssh about keys: the hosts that
 * are configured so are.
 */
function internalSshHosts(settings: Settings): [RegExp, string][] {
  const hosts = [...settings.mirrors.values()]
    .flatMap(({ upstreams }) => upstreams.map((upstream) => parseUpstream(upstream)))
    .filter(({ kind, host }) => kind === 'ssh' && isInternalName(host))
    .map(({ host }) => host);
  return [...new Set(hosts)].map((host) => {
    const literal = host.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&');
    const named = `(?<=\\bfor |['[])${literal}(?![\\w.-])`;
    return [new RegExp(`(?<![\\w.-])${literal}(?=:)|${named}`, 'gi'), '(internal host)'];
  });
}
