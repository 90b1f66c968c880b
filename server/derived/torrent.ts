import bencode from 'bencode';
import { createHash } from 'node:crypto';
import type { FileHash } from '../../core/file-hash.js';
import type { DescribedFile } from './described-file.js';

/**
 * A torrent of the one file, for clients of version 1 (BEP 3) and 2 (BEP 52) alike. Its addresses are web seeds (BEP 19):
 * it needs no tracker and no peer. One file a torrent, or clients would look for it in a folder of the torrent's name.
 */
export function torrentOf(file: DescribedFile): Buffer {
  const { hash } = file;
  const layers = hash.pieceLayer.length > 0 ? [[hash.piecesRoot, hash.pieceLayer] as const] : [];
  return encode({
    'created by': file.generator,
    'creation date': Math.max(0, Math.floor(file.mtime / 1000)),
    info: infoOf(file.shownName, hash),
    'piece layers': new Map(layers),
    'url-list': [file.url, ...file.sources],
  });
}

/** The same as a magnet link, with the hashes of both versions. */
export function magnetOf(file: DescribedFile): string {
  const info = encode(infoOf(file.shownName, file.hash));
  const [v1, v2] = ['sha1', 'sha256'].map((algorithm) => createHash(algorithm).update(info).digest('hex'));
  const seeds = [file.url, ...file.sources].map((url) => `&ws=${encodeURIComponent(url)}`);
  // multihash: 0x12 is SHA-256, 0x20 its 32 bytes
  const name = encodeURIComponent(file.shownName);
  return `magnet:?xt=urn:btih:${v1}&xt=urn:btmh:1220${v2}&dn=${name}&xl=${file.hash.size}${seeds.join('')}`;
}

/** What identifies the torrent: the same for every server that has the file under this name. */
function infoOf(name: string, hash: FileHash): object {
  return {
    'file tree': new Map([[name, { '': { length: hash.size, 'pieces root': hash.piecesRoot } }]]),
    length: hash.size,
    'meta version': 2,
    name,
    'piece length': hash.pieceLength,
    pieces: hash.sha1Pieces,
  };
}

function encode(value: object): Buffer {
  return Buffer.from(bencode.encode(value));
}
