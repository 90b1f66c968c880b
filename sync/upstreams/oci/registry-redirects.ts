const LONGEST_LOCATION = 8192;

/**
 * The next page of a list, from Link fields (RFC 8288) with rel="next". Null when there is none, or when it would be
 * at another origin: only the registry itself tells what it has.
 */
export function nextPage(from: URL, fields: readonly string[]): URL | null {
  for (const link of fields
    .join(',')
    .slice(0, LONGEST_LOCATION)
    .matchAll(/<([^<>]*)>([^<]*)/g)) {
    const [, address = '', parameters = ''] = link;
    if (!/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i.test(parameters)) continue;
    if (!URL.canParse(address, from.href)) return null;
    const target = new URL(address, from);
    return target.origin === from.origin && target.username === '' && target.password === '' ? target : null;
  }
  return null;
}
