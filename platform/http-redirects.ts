const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const LONGEST_LOCATION = 8192;

/** Whether the answer to a GET or HEAD says that it is elsewhere (RFC 9110 section 15.4). */
export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/**
 * Where a redirect from `from` leads, or the reason why nobody goes there, as the end of a sentence: it must be http or
 * https, never the first after the second, and hold no password.
 */
export function redirectTarget(from: URL, location: string | undefined): URL | string {
  if (location === undefined || location === '') return 'to nowhere';
  if (location.length > LONGEST_LOCATION || !URL.canParse(location, from.href))
    return 'to something that is no address';
  const target = new URL(location, from);
  if (target.protocol !== 'https:' && target.protocol !== 'http:') return 'to an address that is not one of the web';
  if (from.protocol === 'https:' && target.protocol === 'http:') return 'from https to http';
  if (target.username !== '' || target.password !== '') return 'to an address with a password in it';
  return target;
}
