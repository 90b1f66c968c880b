import { existsSync } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BlobStore } from '../../content/blobs.js';
import { Layout } from '../../content/layout.js';
import type { Candidate } from '../../content/collect-garbage.js';
import { Uploads, type UploadsOptions } from '../../content/uploads.js';
import { digestOf } from '../../core/oci/digest.js';
import { openStore, type Store } from '../../store/open.js';
import { bytesOf } from '../fixtures/image-builder.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const REPOSITORY = 'lab/tool';
const BYTES = bytesOf('a layer', 300_000);
const DIGEST = digestOf(BYTES);

describe('Uploads', () => {
  let store: Store;
  let layout: Layout;
  let now: number;
  let uploads: Uploads;

  beforeEach(async () => {
    layout = new Layout(await tempFolder());
    const opened = openStore(layout.stateDb);
    store = opened;
    onTestFinished(() => opened.close());
    now = 1_000_000;
    uploads = open();
  });

  function open(more: Partial<UploadsOptions> = {}): Uploads {
    const clock = () => now;
    const blobs = new BlobStore({ store, layout, clock });
    return new Uploads({ store, layout, blobs, clock, reserve: () => ({ bytes: 0 }), ...more });
  }

  async function begun(): Promise<{ repository: string; id: string }> {
    return { repository: REPOSITORY, id: await uploads.begin(REPOSITORY) };
  }

  it('takes nothing once it is closed, closes when what is under way has ended, and goes on at the next start', async () => {
    const key = await begun();
    let more = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (more = resolve));
    async function* slowly(): AsyncGenerator<Buffer> {
      yield BYTES.subarray(0, 100_000);
      await waiting;
      yield BYTES.subarray(100_000);
    }
    const appending = expect(uploads.append(key, slowly())).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    await expect
      .poll(() =>
        stat(layout.upload(key.id)).then(
          ({ size }) => size,
          () => 0,
        ),
      )
      .toBe(100_000);
    let isClosed = false;
    const closing = uploads.close().then(() => void (isClosed = true));
    await expect(uploads.begin(REPOSITORY)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    await expect(uploads.finish(key, DIGEST)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect(isClosed).toBe(false);
    more();
    await Promise.all([closing, appending]);
    uploads = open();
    expect(await uploads.append(key, parts(BYTES.subarray(100_000)), { offset: 100_000 })).toBe(300_000);
    expect(await uploads.finish(key, DIGEST)).toEqual({ size: 300_000 });
  });

  it('makes a blob of what came in parts, in the repository', async () => {
    const key = await begun();
    expect(await uploads.append(key, parts(BYTES.subarray(0, 100_000)))).toBe(100_000);
    expect(await uploads.append(key, parts(BYTES.subarray(100_000)), { offset: 100_000 })).toBe(300_000);
    expect(await uploads.finish(key, DIGEST)).toEqual({ size: 300_000 });
    expect((await readFile(layout.blob(DIGEST))).equals(BYTES)).toBe(true);
    expect(store.repositories.holds(REPOSITORY, DIGEST)).toBe(true);
    expect(store.repositories.get(REPOSITORY)?.origin).toBe('hosted');
    expect(await readdir(layout.uploadsFolder)).toEqual([]);
    await expect(uploads.received(key)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
  });

  it('goes on after a restart, from what is on the disk', async () => {
    const key = await begun();
    await uploads.append(key, parts(BYTES.subarray(0, 123_457)));
    uploads = open();
    expect(await uploads.received(key)).toBe(123_457);
    uploads = open();
    await uploads.append(key, parts(BYTES.subarray(123_457)), { offset: 123_457 });
    await uploads.finish(key, DIGEST);
    expect(store.blobs.get(DIGEST)?.size).toBe(300_000);
  });

  it('takes an empty blob', async () => {
    const key = await begun();
    await uploads.finish(key, digestOf(''));
    expect((await stat(layout.blob(digestOf('')))).size).toBe(0);
  });

  it.each(['sha256', 'sha512'])('checks a digest of %s, whatever was announced', async (algorithm) => {
    const digest = digestOf(BYTES, algorithm);
    for (const announced of ['sha256', 'sha512']) {
      const key = { repository: REPOSITORY, id: await uploads.begin(REPOSITORY, announced) };
      await uploads.append(key, parts(BYTES));
      await uploads.finish(key, digest);
    }
    expect(store.blobs.get(digest)?.size).toBe(300_000);
  });

  it('throws away what has another digest', async () => {
    const key = await begun();
    await uploads.append(key, parts(BYTES));
    await expect(uploads.finish(key, digestOf('other'))).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    await expect(uploads.received(key)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(store.blobs.total().count).toBe(0);
    expect(await readdir(layout.uploadsFolder)).toEqual([]);
    expect(store.repositories.get(REPOSITORY)).toBeUndefined();
  });

  it('refuses a gap and a repetition, and stays as it was', async () => {
    const key = await begun();
    await uploads.append(key, parts(BYTES.subarray(0, 1000)));
    for (const offset of [0, 999, 1001])
      await expect(uploads.append(key, parts(BYTES), { offset })).rejects.toMatchObject({ code: 'RANGE_INVALID' });
    await uploads.append(key, parts(BYTES.subarray(1000)), { offset: 1000 });
    await uploads.finish(key, DIGEST);
  });

  it.each([999, 1001, 0])('takes nothing of 1000 bytes that were announced as %i', async (length) => {
    const key = await begun();
    await uploads.append(key, parts(BYTES.subarray(0, 500)));
    const wrong = uploads.append(key, parts(BYTES.subarray(0, 1000)), { length });
    await expect(wrong).rejects.toMatchObject({ code: 'SIZE_INVALID' });
    expect(await uploads.received(key)).toBe(500);
    await uploads.append(key, parts(BYTES.subarray(500)), { offset: 500 });
    await uploads.finish(key, DIGEST);
  });

  it('keeps what came before the client broke off', async () => {
    const key = await begun();
    const broken = uploads.append(key, breaking(BYTES.subarray(0, 2000)), { length: 3000 });
    await expect(broken).rejects.toThrow('gone');
    expect(await uploads.received(key)).toBe(2000);
    await uploads.append(key, parts(BYTES.subarray(2000)), { offset: 2000 });
    await uploads.finish(key, DIGEST);
  });

  it('lets one request at a time change a session, and tells another how far it is', async () => {
    const key = await begun();
    const gate = new Gate();
    const first = uploads.append(key, gate.wait(BYTES.subarray(0, 10), BYTES.subarray(10)));
    await gate.reached;
    const refused = { code: 'BLOB_UPLOAD_INVALID', status: 409 };
    await expect(uploads.append(key, parts(BYTES))).rejects.toMatchObject(refused);
    await expect(uploads.finish(key, DIGEST)).rejects.toMatchObject(refused);
    await expect(uploads.cancel(key)).rejects.toMatchObject(refused);
    expect(await uploads.received(key)).toBe(10);
    now += 10_000;
    expect(await uploads.removeAbandoned(now)).toBe(0);
    gate.open();
    await first;
    await uploads.finish(key, DIGEST);
  });

  it('knows a session in its own repository only', async () => {
    const { id } = await begun();
    const other = { repository: 'lab/other', id };
    for (const act of [uploads.received(other), uploads.append(other, parts(BYTES)), uploads.cancel(other)])
      await expect(act).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
  });

  it('ends a session that is cancelled', async () => {
    const key = await begun();
    await uploads.append(key, parts(BYTES));
    await uploads.cancel(key);
    expect(existsSync(layout.upload(key.id))).toBe(false);
    await expect(uploads.cancel(key)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
  });

  it('ends abandoned sessions', async () => {
    const [old, young] = [await begun(), await begun()];
    await uploads.append(old, parts(BYTES));
    now += 1000;
    await uploads.append(young, parts(BYTES));
    const found: Candidate[] = [];
    const how = { dryRun: true, onCandidate: (candidate: Candidate) => void found.push(candidate) };
    now += 7_200_000;
    expect(await uploads.removeAbandoned(now - 7_200_000, how)).toBe(1);
    const why = `an upload to ${old.repository} on which nothing has happened for 2 h`;
    expect(found).toEqual([{ kind: 'upload', id: old.id, repository: old.repository, bytes: 300_000, why }]);
    expect(await readdir(layout.uploadsFolder)).toHaveLength(2);
    expect(await uploads.removeAbandoned(now - 7_200_000)).toBe(1);
    expect(await readdir(layout.uploadsFolder)).toEqual([young.id]);
    expect(await uploads.received(young)).toBe(300_000);
  });

  it('opens so many sessions and no more', async () => {
    uploads = open({ limits: { all: 3, repository: 2 } });
    await uploads.begin('a');
    await uploads.begin('a');
    await expect(uploads.begin('a')).rejects.toMatchObject({ code: 'TOOMANYREQUESTS' });
    await uploads.begin('b');
    await expect(uploads.begin('c')).rejects.toMatchObject({ code: 'TOOMANYREQUESTS', details: { retryAfter: 60 } });
  });

  it('leaves the reserve of the disk free', async () => {
    const key = await begun();
    const disk = { total: 1000, free: 500 };
    uploads = open({ reserve: () => ({ share: 0.4 }), diskSpace: () => Promise.resolve(disk) });
    await uploads.append(key, parts(BYTES.subarray(0, 100)), { length: 100 });
    const full = { code: 'UNAVAILABLE', status: 507 };
    await expect(uploads.append(key, parts(BYTES), { length: 101 })).rejects.toMatchObject(full);
    disk.free = 399;
    await expect(uploads.append(key, parts(BYTES))).rejects.toMatchObject(full);
    await expect(uploads.begin(REPOSITORY)).rejects.toMatchObject(full);
    expect(await uploads.received(key)).toBe(100);
  });
});

async function* parts(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let position = 0; position < bytes.length; position += 65_536) {
    await Promise.resolve();
    yield bytes.subarray(position, position + 65_536);
  }
}

async function* breaking(bytes: Buffer): AsyncGenerator<Buffer> {
  yield* parts(bytes);
  throw new Error('the client has gone');
}

/** A body that stops between two parts until the gate is opened. */
class Gate {
  #reach: () => void = () => undefined;
  readonly reached = new Promise<void>((resolve) => (this.#reach = resolve));
  open: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => (this.open = resolve));

  async *wait(before: Buffer, after: Buffer): AsyncGenerator<Buffer> {
    yield before;
    this.#reach();
    await this.#opened;
    yield after;
  }
}
