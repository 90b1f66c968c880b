import XMLBuilder from 'fast-xml-builder';
import type { DescribedFile } from './described-file.js';

/** Fifteen sources are more than any client uses, and keep the document small. */
const MOST_SOURCES = 15;
const SHA1_BYTES = 20;
const SHA256_BYTES = 32;

/**
 * The file as Metalink 4 (RFC 5854), with the hash of each piece: a client repairs a bad source from a good one. It names no
 * torrent: aria2 would take that, have nothing more by it, and seed for ever when it is done.
 */
export function metalink4(file: DescribedFile): string {
  const { hash, url, publisher, signature } = file;
  return build({
    metalink: {
      '@xmlns': 'urn:ietf:params:xml:ns:metalink',
      generator: file.generator,
      origin: { '@dynamic': 'true', '#text': `${url}.meta4` },
      published: timestamp(file.mtime),
      file: {
        '@name': file.shownName,
        publisher: { '@name': publisher, '@url': new URL(url).origin },
        size: hash.size,
        hash: { '@type': 'sha-256', '#text': hash.sha256.toString('hex') },
        ...(hash.size > 0
          ? {
              pieces: {
                '@length': hash.pieceLength,
                '@type': 'sha-256',
                hash: hashesIn(hash.sha256Pieces, SHA256_BYTES),
              },
            }
          : {}),
        ...(signature === null ? {} : { signature: { '@mediatype': 'application/pgp-signature', '#text': signature } }),
        url: sourcesOf(file).map((address, index) => ({ '@priority': index + 1, '#text': address })),
      },
    },
  });
}

/** The same as Metalink 3.0 (metalinker.org), for older clients. */
export function metalink3(file: DescribedFile): string {
  const { hash } = file;
  const pieces = hashesIn(hash.sha1Pieces, SHA1_BYTES).map((text, index) => ({ '@piece': index, '#text': text }));
  return build({
    metalink: {
      '@version': '3.0',
      '@xmlns': 'http://www.metalinker.org/',
      '@type': 'dynamic',
      '@origin': `${file.url}.metalink`,
      '@pubdate': new Date(file.mtime).toUTCString(),
      '@generator': file.generator,
      files: {
        file: {
          '@name': file.shownName,
          size: hash.size,
          verification: {
            hash: { '@type': 'sha256', '#text': hash.sha256.toString('hex') },
            ...(hash.size > 0 ? { pieces: { '@length': hash.pieceLength, '@type': 'sha1', hash: pieces } } : {}),
          },
          resources: {
            url: sourcesOf(file).map((address, index) => ({
              '@type': address.startsWith('https:') ? 'https' : 'http',
              '@preference': 100 - index,
              '#text': address,
            })),
          },
        },
      },
    },
  });
}

/** This server first; no host twice, or clients take a fault of one for that of the other. */
function sourcesOf({ url, sources }: DescribedFile): string[] {
  const hosts = new Set<string>();
  const addresses = [url, ...sources].filter((address) => {
    const { host } = new URL(address);
    return !hosts.has(host) && hosts.add(host);
  });
  return addresses.slice(0, MOST_SOURCES);
}

function hashesIn(bytes: Buffer, length: number): string[] {
  const count = bytes.length / length;
  return Array.from({ length: count }, (_, index) => bytes.toString('hex', index * length, (index + 1) * length));
}

/** RFC 3339, whole seconds, in UTC. */
function timestamp(time: number): string {
  return new Date(Math.max(0, time)).toISOString().replace(/\.\d+Z$/, 'Z');
}

function build(document: object): string {
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    suppressBooleanAttributes: false,
    format: true,
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(document)}`;
}
