import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Settings } from '../../config/settings.js';

/** What clients take where an address names no port (rsync(1)). */
const RSYNC_PORT = 873;
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/**
 * The host and port by which the client knows us, in small letters; undefined where it has sent none that is one.
 * A proxy says it in X-Forwarded-Host. Whoever makes one up gets the answer himself, and nothing else.
 */
export function hostOf({ headers }: IncomingMessage): string | undefined {
  const host = (firstOf(headers['x-forwarded-host']) ?? headers.host ?? '').toLowerCase();
  return HOST.test(host) ? host : undefined;
}

/** The same without a port; empty where none is known. */
export function hostNameOf(request: IncomingMessage): string {
  return hostOf(request)?.replace(/:\d+$/, '') ?? '';
}

/** The address by which the client reaches us, without a trailing slash. */
export function publicOrigin(request: IncomingMessage, settings: Settings): string {
  const site = settings.site.url === null ? null : new URL(settings.site.url);
  const host = hostOf(request);
  if (host === undefined) return site?.origin ?? 'http://localhost';
  if (site && (site.host === host || site.hostname === host)) return site.origin;
  return `${schemeOf(request, settings, host)}://${host}`;
}

/** The address of the rsync daemon at `port` of the host of `origin`, without a trailing slash. */
export function rsyncOrigin(origin: string, port: number): string {
  return `rsync://${new URL(origin).hostname}${port === RSYNC_PORT ? '' : `:${port}`}`;
}

function schemeOf(request: IncomingMessage, settings: Settings, host: string): string {
  const forwarded = firstOf(request.headers['x-forwarded-proto'])?.toLowerCase();
  if (forwarded === 'http' || forwarded === 'https') return forwarded;
  if ((request.socket as Partial<TLSSocket>).encrypted === true) return 'https';
  // behind a proxy that says nothing, an alias is served as the site is
  const name = host.replace(/:\d+$/, '');
  const isAlias = [...settings.registries.values()].some(({ alias }) => alias?.toLowerCase() === name);
  return isAlias && settings.site.url?.startsWith('https:') ? 'https' : 'http';
}

function firstOf(field: string | string[] | undefined): string | undefined {
  const text = Array.isArray(field) ? field[0] : field;
  return text?.split(',')[0]?.trim() || undefined;
}
