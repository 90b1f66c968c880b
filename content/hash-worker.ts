import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { BLOCK, FileHasher, type FileHash } from '../core/file-hash.js';
import { messageOf, systemCode } from '../core/errors.js';
import { DONE_BLOCKS, GO_ON, HURRY, STOP, WISH, type HashAnswer, type HashTask } from './hash-task.js';

const CHUNK = 64 * BLOCK;
/** A machine that slept does not count as work. */
const MOST_WORK_MS = 1_000;
const LEAST_WAIT_MS = 20;

parentPort?.on('message', (task: HashTask) => parentPort?.postMessage(answer(task)));

function answer(task: HashTask): HashAnswer {
  try {
    return { hash: hashAll(task) };
  } catch (error) {
    return { failure: messageOf(error), code: systemCode(error) };
  }
}

function hashAll({ fd, size, shared, pace }: HashTask): FileHash {
  const hasher = new FileHasher(size);
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  let owed = 0;
  for (let position = 0; position < size;) {
    const before = performance.now();
    const chunk = readWhole(fd, buffer.subarray(0, Math.min(CHUNK, size - position)), position);
    hasher.update(chunk);
    position += chunk.length;
    Atomics.store(shared, DONE_BLOCKS, Math.ceil(position / BLOCK));
    const wish = Atomics.load(shared, WISH);
    if (wish === STOP) throw new Error('the computation was stopped');
    if (!pace || wish === HURRY) continue;
    const worked = Math.min(performance.now() - before, MOST_WORK_MS);
    owed += Math.max((chunk.length / pace.rate) * 1000 - worked, worked * (1 / pace.share - 1));
    if (owed < LEAST_WAIT_MS) continue;
    Atomics.wait(shared, WISH, GO_ON, owed); // ends early where the wish changes
    owed = 0;
  }
  return hasher.digest();
}

/** Fills `buffer`. @throws Error when the file ends before, system errors */
function readWhole(fd: number, buffer: Buffer, position: number): Buffer {
  for (let filled = 0; filled < buffer.length;) {
    const read = readSync(fd, buffer, filled, buffer.length - filled, position + filled);
    if (read === 0) throw new Error('the file became shorter while it was read');
    filled += read;
  }
  return buffer;
}
