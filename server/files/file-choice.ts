import { evaluateConditions, isRangeFresh, type Validators } from './conditions.js';
import type { FileFacts } from './file-facts.js';
import { lengthOf, parseRange, type ByteRange } from './ranges.js';
import { ResponseHead } from './response-head.js';
import { shortAnswer, type Asked, type ReadyAnswer } from './short-answer.js';

/** What a GET or HEAD gets of a file. */
export type FileChoice =
  /** None of its bytes. */
  | { readonly kind: 'ready'; readonly answer: ReadyAnswer }
  /** All of it, or one range, which is the body itself. */
  | { readonly kind: 'part'; readonly head: ResponseHead; readonly range: ByteRange }
  /** Several ranges. */
  | { readonly kind: 'parts'; readonly ranges: readonly ByteRange[] };

/** Evaluates conditions, then ranges (RFC 9110 section 13.2.2). `now` in milliseconds. */
export function chooseAnswer(asked: Asked, facts: FileFacts, now: number): FileChoice {
  const validators = { etag: facts.etag, lastModified: facts.lastModified, now };
  const condition = evaluateConditions(asked.headers, validators);
  if (condition === 'not-modified') return ready({ head: facts.unchanged, body: null });
  if (condition === 'failed') return ready(shortAnswer(asked, { status: 412, text: 'The file has changed.' }));

  const range = parseRange(rangeField(asked, validators), facts.size);
  if (range.kind === 'unsatisfiable') return ready(refuseRange(asked, facts.size));
  if (asked.method === 'HEAD' || facts.size === 0) return ready({ head: facts.whole, body: null });
  if (range.kind === 'whole') return { kind: 'part', head: facts.whole, range: { first: 0, last: facts.size - 1 } };
  const [only] = range.ranges;
  if (only && range.ranges.length === 1) return { kind: 'part', head: partHead(facts, only), range: only };
  return { kind: 'parts', ranges: range.ranges };
}

export function partOf(body: Buffer, range: ByteRange): Buffer {
  return lengthOf(range) === body.length ? body : body.subarray(range.first, range.last + 1);
}

/** Content-Range of one range (RFC 9110 section 14.4). */
export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.first}-${range.last}/${size}`;
}

function ready(answer: ReadyAnswer): FileChoice {
  return { kind: 'ready', answer };
}

/** The Range that applies; it is defined for GET alone (RFC 9110 section 14.2). */
function rangeField(asked: Asked, validators: Validators): string | undefined {
  const { range, 'if-range': ifRange } = asked.headers;
  if (range === undefined || asked.method !== 'GET') return undefined;
  return isRangeFresh(asText(ifRange), validators) ? range : undefined;
}

function asText(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.join(', ') : field;
}

/** The refusal is none of the file: not to be kept as long as that, and without what it is compared by. */
function refuseRange(asked: Asked, size: number): ReadyAnswer {
  const fields = ['Cache-Control', 'no-store', 'Content-Range', `bytes */${size}`, 'Accept-Ranges', 'bytes'];
  return shortAnswer(asked, { status: 416, fields, text: `The file has ${size} bytes.` });
}

function partHead({ content, type, size }: FileFacts, range: ByteRange): ResponseHead {
  const fields = ['Content-Range', contentRange(range, size), 'Content-Length', String(lengthOf(range))];
  return new ResponseHead(206, [...content, 'Content-Type', type, ...fields]);
}
