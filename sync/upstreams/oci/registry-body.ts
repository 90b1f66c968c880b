import type { HttpAnswer } from '../../../platform/http-client.js';
import { RegistryFailure } from './registry-failure.js';

/**
 * The whole body of an answer that must be small.
 * @throws RegistryFailure invalid when it is over `largest` bytes; HttpFailure; the signal's reason
 */
export async function readSmall(registry: string, what: string, answer: HttpAnswer, largest: number): Promise<Buffer> {
  const tooLarge = (): RegistryFailure => {
    answer.destroy();
    return new RegistryFailure('invalid', `${registry} sends more than ${largest} bytes as ${what}`, {
      status: answer.status,
    });
  };
  if ((lengthOf(answer) ?? 0) > largest) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body()) {
    size += chunk.length;
    if (size > largest) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Bytes of the body as the header says, or null. */
export function lengthOf(answer: HttpAnswer): number | null {
  const text = answer.field('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** `bytes first-last/size` (RFC 9110 section 14.4), where the size may be "*", which is null here. */
export function parseContentRange(
  field: string | undefined,
): { first: number; last: number; size: number | null } | undefined {
  const [, first, last, size] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(field?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || size === undefined) return undefined;
  const range = { first: Number(first), last: Number(last), size: size === '*' ? null : Number(size) };
  return range.last < range.first || (range.size !== null && range.last >= range.size) ? undefined : range;
}
