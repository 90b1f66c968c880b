import { MillpondError } from './errors.js';

/** Where a mirror comes from, taken apart. It never holds a password. */
export interface Upstream {
  /** `daemon`: an rsync daemon; `ssh`: rsync over ssh; `local`: a folder of this machine. */
  readonly kind: 'daemon' | 'ssh' | 'local';
  /** What rsync is given as its source; ends with a slash, so that the contents are mirrored. */
  readonly rsync: string;
  /** Without brackets; empty for a local folder. */
  readonly host: string;
  /** Port of the daemon; null is the usual one, or not of this kind. */
  readonly port: number | null;
  readonly user: string | null;
  /** `module/path/` of a daemon, else the folder; ends with a slash. */
  readonly path: string;
  /** Equal for upstreams that share the limit of runs for one host. */
  readonly hostKey: string;
  /** What may be shown to anybody: the source without a user; `local folder` for one of this machine. */
  readonly display: string;
}

const FORMS = 'write rsync://host/module/, host::module/, user@host:folder/ (ssh), /folder/ or ./folder/';
const AUTHORITY = /^(?:([^@/]*)@)?(\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[^@:/[\]]*)(?::([^/]*))?$/;
const HOST_NAME = /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?$/i;
const NO_MODULE = 'names no module of the rsync daemon';
const USER_NAME = /^[^\s\-:@/][^\s:@/]*$/;

/**
 * Reads where a mirror comes from: `rsync://[user@]host[:port]/module/path/`, `[user@]host::module/path`,
 * `[user@]host:folder` (ssh), an absolute folder or `./folder`. A missing slash at the end is added.
 * @throws MillpondError `invalid`, with the value quoted, but never a user name or password
 */
export function parseUpstream(text: string): Upstream {
  if (holdsPassword(text))
    throw new MillpondError('invalid', 'the upstream holds a password; name only the user, and use "password:" for it');
  const upstream = takeApart(text);
  if (typeof upstream !== 'string') return upstream;
  throw new MillpondError('invalid', `${JSON.stringify(scrubUpstream(text))} ${upstream}`);
}

/** A copy of `text` in which no user name or password is left before a host, in URLs and in `user@host:` forms. */
export function scrubUpstream(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/:@"']{0,256}:(?!\d{1,5}(?:[/\s"']|$))[^\s"']{0,256}@/gi, '$1')
    .replace(/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/"']{0,256}@/gi, '$1')
    .replace(/(^|[\s"'(=,])[^\s/"'(=,]{0,256}@(?=(?:\[[^\s\]]{1,64}\]|[^\s/:@"']{1,256}):\S)/g, '$1');
}

/** The upstream, or why it is none: the end of a sentence that begins with the text. */
function takeApart(text: string): Upstream | string {
  if (text === '') return `is empty; ${FORMS}`;
  if (/\p{Cc}/u.test(text)) return 'holds a control character';
  if (text.startsWith('-')) return `begins with "-", which rsync would take as an option; ${FORMS}`;
  if (text.startsWith('rsync://')) return daemonUrl(text);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return `is of an unknown kind; ${FORMS}`;
  if (text.startsWith('/') || /^\.{1,2}(?:\/|$)/.test(text)) return localFolder(text);
  return remote(text);
}

function daemonUrl(text: string): Upstream | string {
  const [, authority = '', rest = ''] = /^rsync:\/\/([^/]*)\/?(.*)$/.exec(text) ?? [];
  const parts = takeAuthorityApart(authority);
  if (typeof parts === 'string') return parts;
  const path = modulePath(rest);
  if (path === undefined) return NO_MODULE;
  const { user, host, port } = parts;
  const display = `rsync://${hostInUrl(host)}${port === null ? '' : `:${port}`}/${path}`;
  const rsync = user === null ? display : display.replace('//', `//${user}@`);
  return { kind: 'daemon', rsync, host, port, user, path, hostKey: host.toLowerCase(), display };
}

/** `[user@]host::module/path` and `[user@]host:folder`. */
function remote(text: string): Upstream | string {
  const [, authority = '', colons, rest = ''] = /^((?:[^@/:]*@)?(?:\[[^\]]*\]|[^:/[]*))(::?)(.*)$/.exec(text) ?? [];
  if (colons === undefined) return `names no host and is no absolute folder; ${FORMS}`;
  const parts = takeAuthorityApart(authority);
  if (typeof parts === 'string') return parts;
  const isDaemon = colons === '::';
  const path = isDaemon ? modulePath(rest) : withSlash(rest);
  if (path === undefined) return NO_MODULE;
  if (rest === '') return 'names no folder after the host';
  const { user, host } = parts;
  const display = `${hostInUrl(host)}${colons}${path}`;
  const rsync = user === null ? display : `${user}@${display}`;
  const kind = isDaemon ? 'daemon' : 'ssh';
  return { kind, rsync, host, port: null, user, path, hostKey: host.toLowerCase(), display };
}

function localFolder(text: string): Upstream {
  const path = withSlash(text);
  return { kind: 'local', rsync: path, host: '', port: null, user: null, path, hostKey: '', display: 'local folder' };
}

function takeAuthorityApart(text: string): { user: string | null; host: string; port: number | null } | string {
  const [, user, hostText = '', portText] = AUTHORITY.exec(text) ?? [];
  const host = hostText.replace(/^\[|\]$/g, '');
  // an address in brackets needs no further look: AUTHORITY has seen to it
  if (host === hostText && !HOST_NAME.test(host)) return `names no usable host; ${FORMS}`;
  if (user !== undefined && !USER_NAME.test(user)) return 'names no usable user before "@"';
  if (portText === undefined) return { user: user ?? null, host, port: null };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) return 'names no usable port: allowed is 1 to 65535';
  return { user: user ?? null, host, port };
}

function modulePath(text: string): string | undefined {
  const path = text.replace(/^\/+/, '');
  return /^[^.\s]/.test(path) ? withSlash(path) : undefined;
}

/** `user:secret@` before a host; the secret itself may hold "/" and "@". */
function holdsPassword(text: string): boolean {
  const afterScheme = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/is.exec(text)?.[1];
  if (afterScheme === undefined) return /^[^/@:[\]]+:[^/@:]+@[^/@]*:/.test(text);
  return /^[^/@[\]]*:(?:[^/]*|(?!\d{1,5}\/).*)@/s.test(afterScheme);
}

/** An IPv6 address stands in brackets there (RFC 3986 section 3.2.2). */
export function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
