import type { Settings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import { hostInUrl } from '../../core/upstream.js';

/** One of six characters is no small letter; without lookahead, which not all servers know. */
const SIX = [0, 1, 2, 3, 4, 5].map((place) => `[a-z]{${place}}[A-Z0-9][A-Za-z0-9]{${5 - place}}`).join('|');

/** Names of what is not whole, as `isTransient` of core/tree-path.ts knows them, anywhere in a path. */
export const TRANSIENT_PATHS = `/(?:\\.~tmp~|~tmp~|\\.rsync-partial|\\.[^/]+\\.(?:${SIX}))(?:/|$)`;

/** Request targets that do not lead to one file and mean just that: queries, folders, what has to be put in order. */
export const ODD_TARGETS = '//|/\\.\\.?(?:/|$)|%2[eEfF]|%00|\\?|/$';

/** All others. */
export const PLAIN_TARGETS = `/(?!.*(?:${ODD_TARGETS})).*`;

/** Names of mirrors, as part of a regular expression. */
export function mirrorPattern(names: Iterable<string>): string {
  return `(?:${[...names].map((name) => name.replace(/[.+]/g, '\\$&')).join('|')})`;
}

/** Where Millpond is reached by a server before it, on this machine: host and port, or a Unix socket. @throws MillpondError invalid */
export function innerAddress({ listen }: Settings): { authority: string } | { path: string } {
  for (const { address, proxyProtocol } of listen.http) {
    if (proxyProtocol || address.kind === 'systemd') continue;
    if (address.kind === 'unix') return { path: address.path };
    if (address.port !== 0) return { authority: `${hostInUrl(address.host || '127.0.0.1')}:${address.port}` };
  }
  throw new MillpondError(
    'invalid',
    'no address of listen.http can be written into the configuration of another server',
    {
      hint: 'Add one with a port of its own, as "127.0.0.1:8080", or "unix:/path".',
    },
  );
}
