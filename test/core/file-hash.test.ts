import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BLOCK, FileHasher, pieceLengthOf, type FileHash } from '../../core/file-hash.js';

function hashOf(content: Buffer, chunk = 4 * BLOCK): FileHash {
  const hasher = new FileHasher(content.length);
  for (let at = 0; at < content.length; at += chunk) hasher.update(content.subarray(at, at + chunk));
  return hasher.digest();
}

/** What libtorrent computes of the same file: the second implementation of BEP 52. */
const LIBTORRENT = `
import json, sys, libtorrent as lt
files = lt.file_storage()
files.add_file("f", int(sys.argv[2]))
made = lt.create_torrent(files, int(sys.argv[3]))
lt.set_piece_hashes(made, sys.argv[1])
torrent = made.generate()
info = torrent[b"info"]
print(json.dumps({
  "sha1Pieces": info[b"pieces"].hex(),
  "root": info[b"file tree"][b"f"][b""][b"pieces root"].hex(),
  "layers": {root.hex(): layer.hex() for root, layer in torrent[b"piece layers"].items()},
}))`;

describe('FileHasher', () => {
  test.each([
    ['one byte', 1],
    ['one block', BLOCK],
    ['one block and a byte', BLOCK + 1],
    ['several pieces of one block', 5 * BLOCK + 7],
    ['as many pieces as there may be', 2048 * BLOCK],
    ['pieces of two blocks, the last of one', 2048 * BLOCK + 1],
    ['pieces of two blocks, whole', 2050 * BLOCK],
    ['pieces of four blocks, the last of three', 4097 * BLOCK + 2 * BLOCK + 5],
  ])('computes what libtorrent does: %s', (_, size) => {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-hash-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const content = randomBytes(size);
    writeFileSync(join(folder, 'f'), content);
    const hash = hashOf(content);
    const args = ['-c', LIBTORRENT, folder, String(size), String(hash.pieceLength)];
    // Debian's own: another Python does not have its packages
    const theirs: unknown = JSON.parse(execFileSync('/usr/bin/python3', args, { encoding: 'utf8' }));
    const root = hash.piecesRoot.toString('hex');
    const layers = hash.pieceLayer.length > 0 ? { [root]: hash.pieceLayer.toString('hex') } : {};
    expect({ sha1Pieces: hash.sha1Pieces.toString('hex'), root, layers }).toEqual(theirs);
    expect(hash.sha256).toEqual(createHash('sha256').update(content).digest());
  });

  test('hashes each piece, whatever comes at a time', () => {
    const content = randomBytes(2048 * BLOCK + 100);
    const hash = hashOf(content, 3 * BLOCK);
    expect(hash).toEqual(hashOf(content, 128 * BLOCK));
    const second = content.subarray(hash.pieceLength, 2 * hash.pieceLength);
    expect(hash.sha256Pieces.subarray(32, 64)).toEqual(createHash('sha256').update(second).digest());
    expect(hash.sha256Pieces.length / 32).toBe(Math.ceil(content.length / hash.pieceLength));
  });

  test('of an empty file has the digest of nothing and no piece', () => {
    const hash = hashOf(Buffer.alloc(0));
    expect(hash.sha256.toString('hex')).toMatch(/^e3b0c44298fc1c14/);
    expect([hash.sha1Pieces, hash.sha256Pieces, hash.pieceLayer, hash.piecesRoot].map(({ length }) => length)).toEqual([
      0, 0, 0, 0,
    ]);
  });

  test('refuses to tell of a part', () => {
    const hasher = new FileHasher(10);
    hasher.update(Buffer.alloc(9));
    expect(() => hasher.digest()).toThrow('9 of 10 bytes were hashed');
  });
});

describe('pieceLengthOf', () => {
  test.each([
    [0, BLOCK],
    [2048 * BLOCK, BLOCK],
    [2048 * BLOCK + 1, 2 * BLOCK],
    [2 ** 30, 512 * 1024],
    [2 ** 45, 16 * 1024 * 1024],
  ])('of %d bytes is %d', (size, length) => expect(pieceLengthOf(size)).toBe(length));
});
