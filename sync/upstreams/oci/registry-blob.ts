import type { HttpAnswer } from '../../../platform/http-client.js';
import { lengthOf, parseContentRange } from './registry-body.js';
import { RegistryFailure, toRegistryFailure } from './registry-failure.js';

/** A blob whose bytes are under way. It must be read to its end, or destroyed. */
export interface RemoteBlob {
  /** Bytes of the whole blob; null when it was not told. */
  readonly size: number | null;
  /** Where `body` begins: 0 when the registry does not resume. */
  readonly from: number;
  /** Ends with RegistryFailure, or the signal's reason; never gives more bytes than the blob has. */
  readonly body: AsyncIterable<Buffer>;
  destroy(): void;
}

export interface BlobWish {
  readonly registry: string;
  /** For sentences. */
  readonly what: string;
  readonly from: number;
  /** Bytes of the whole blob, where a manifest told them. */
  readonly expectedSize: number | null;
}

/**
 * The blob in an answer of 200 or 206.
 * @throws RegistryFailure invalid: another part than was asked for, or another size than the manifest says
 */
export function toRemoteBlob(answer: HttpAnswer, wish: BlobWish): RemoteBlob {
  const { from, size } = placeOf(answer, wish);
  if (wish.expectedSize !== null && size !== null && size !== wish.expectedSize)
    throw refuse(answer, wish, `has ${size} bytes as ${wish.what}, where ${wish.expectedSize} were expected`);
  const whole = size ?? wish.expectedSize;
  return {
    size,
    from,
    body: bounded(answer, wish, whole === null ? null : whole - from),
    destroy: () => answer.destroy(),
  };
}

/** Whether an answer to a request for the bytes from `from` on is of no use, and all of the blob must be asked for. */
export function isOtherPart(answer: HttpAnswer, from: number): boolean {
  if (answer.status === 416) return true;
  return answer.status === 206 && parseContentRange(answer.field('content-range'))?.first !== from;
}

function placeOf(answer: HttpAnswer, wish: BlobWish): { from: number; size: number | null } {
  if (answer.status === 200) return { from: 0, size: lengthOf(answer) };
  const range = parseContentRange(answer.field('content-range'));
  if (!range || wish.from === 0 || range.first !== wish.from)
    throw refuse(answer, wish, `sends another part of ${wish.what} than was asked for`);
  return { from: range.first, size: range.size };
}

async function* bounded(answer: HttpAnswer, wish: BlobWish, most: number | null): AsyncGenerator<Buffer> {
  let left = most ?? Number.MAX_SAFE_INTEGER;
  try {
    for await (const chunk of answer.body()) {
      left -= chunk.length;
      if (left < 0) throw refuse(answer, wish, `sends more bytes than ${wish.what} has`);
      yield chunk;
    }
  } catch (error) {
    throw toRegistryFailure(wish.registry, error);
  } finally {
    answer.destroy(); // of a reader that has left early
  }
  if (most !== null && left > 0) throw refuse(answer, wish, `ended ${wish.what} ${left} bytes too early`);
}

function refuse(answer: HttpAnswer, { registry }: BlobWish, sentence: string): RegistryFailure {
  answer.destroy();
  return new RegistryFailure('invalid', `${registry} ${sentence}`, { status: answer.status });
}
