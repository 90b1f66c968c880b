import { readAtOnce } from '../../platform/native-sendfile.js';
import type { OpenFile } from './body-writer.js';
import { BufferPool } from './buffer-pool.js';
import { chooseAnswer, partOf } from './file-choice.js';
import type { ServedFile } from './file-response.js';
import { lengthOf, type ByteRange } from './ranges.js';
import type { Asked, KnownAnswer, Sent } from './short-answer.js';

/**
 * Slices up to so many bytes are read at once where they are in memory: that costs less than sendfile(2). Buffers are
 * needed at the same time only where clients do not take all at once.
 */
const buffers = new BufferPool(256 * 1024, 16);

/** The answer to GET or HEAD of a file, where all of it is in memory, here or in the kernel's; several ranges take longer. */
export function readyFile(
  asked: Asked,
  { facts, body, handle }: ServedFile,
  { now, told }: { now: number; told: (sent: Sent) => void },
): KnownAnswer | undefined {
  const choice = chooseAnswer(asked, facts, now);
  if (choice.kind === 'ready') return { head: choice.answer.head, body: choice.answer.body, told };
  if (choice.kind === 'parts') return undefined;
  const { head, range } = choice;
  if (body) return { head, body: partOf(body, range), told };
  const read = handle && readRange(handle, range);
  if (!read) return undefined;
  const tell = (sent: Sent): void => {
    if (sent.complete) buffers.give(read);
    told(sent);
  };
  return { head, body: read.subarray(0, lengthOf(range)), told: tell };
}

/** Undefined where it is long, or would have to be waited for. */
function readRange({ fd }: OpenFile, range: ByteRange): Buffer | undefined {
  const length = lengthOf(range);
  if (length > buffers.size) return undefined;
  const buffer = buffers.take();
  if (readAtOnce(fd, range.first, length, buffer)) return buffer;
  buffers.give(buffer);
  return undefined;
}
