import XMLBuilder from 'fast-xml-builder';
import type { Generation } from '../core/generation.js';
import { countOf, formatBytes } from '../core/units.js';
import { VERDICT_SIGNS } from '../core/verdict-words.js';
import type { RecordedVerdict } from '../store/verdicts.js';
import { signedBytes } from './growth.js';
import { shownText } from './shown-text.js';

/** What a feed is made of. Times are milliseconds since the epoch. */
export interface FeedParts {
  /** Public address of this server, without a trailing slash. */
  readonly origin: string;
  /** Path of the feed, and of the page that it is about. */
  readonly path: string;
  readonly page: string;
  readonly title: string;
  readonly author: string;
  /** Newest first. */
  readonly generations: readonly Generation[];
  /** Newest first. */
  readonly states: readonly RecordedVerdict[];
  /** Title of a mirror by its name. */
  readonly titleOf: (mirror: string) => string;
}

/** Characters of a text; a reason that an operator gave may be long. */
const LONGEST_TEXT = 2000;
/** Entries of a feed: readers ask again long before so many are new. */
export const FEED_ENTRIES = 60;

interface Entry {
  readonly id: string;
  readonly at: number;
  readonly title: string;
  readonly text: string;
  readonly href: string;
}

/** Publishes and changes of state as Atom (RFC 4287), newest first. */
export function atomFeed(parts: FeedParts): string {
  const { origin, path, page, title, author } = parts;
  const entries = [...publishes(parts), ...changes(parts)].sort((a, b) => b.at - a.at).slice(0, FEED_ENTRIES);
  const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', format: true });
  const feed = {
    '@xmlns': 'http://www.w3.org/2005/Atom',
    id: `${origin}${path}`,
    title: shownText(title, LONGEST_TEXT),
    updated: timestamp(entries[0]?.at ?? 0),
    author: { name: shownText(author, LONGEST_TEXT) },
    link: [
      { '@rel': 'self', '@type': 'application/atom+xml', '@href': `${origin}${path}` },
      { '@rel': 'alternate', '@type': 'text/html', '@href': `${origin}${page}` },
    ],
    entry: entries.map((entry) => ({
      id: entry.id,
      title: shownText(entry.title, LONGEST_TEXT),
      updated: timestamp(entry.at),
      link: { '@rel': 'alternate', '@type': 'text/html', '@href': entry.href },
      content: { '@type': 'text', '#text': shownText(entry.text, LONGEST_TEXT) },
    })),
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build({ feed })}`;
}

function publishes({ origin, generations, titleOf }: FeedParts): Entry[] {
  const shown = generations.filter(({ state }) => state !== 'publishing');
  return shown.map((generation) => {
    const { id, mirror, files, bytes, publishedAt } = generation;
    const before = shown.find((other) => other.mirror === mirror && other.id < id);
    const change = before && before.bytes !== bytes ? ` (${signedBytes(bytes - before.bytes)})` : '';
    return {
      id: `${origin}/status/${mirror}#generation-${id}`,
      at: publishedAt,
      title: `${titleOf(mirror)}: a new tree was published`,
      text: `${countOf(files, 'file', 'files')}, ${formatBytes(bytes)}${change}.`,
      href: `${origin}/status/${mirror}`,
    };
  });
}

function changes({ origin, states, titleOf }: FeedParts): Entry[] {
  return states.map(({ id, mirror, at, word, sentence }) => ({
    id: `${origin}/status/${mirror}#state-${id}`,
    at,
    title: `${titleOf(mirror)}: ${VERDICT_SIGNS[word].label}`,
    text: sentence,
    href: `${origin}/status/${mirror}`,
  }));
}

function timestamp(at: number): string {
  return new Date(at).toISOString();
}
