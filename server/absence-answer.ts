import { derivedTarget } from './derived/forms.js';
import type { Miss } from './files/handler.js';
import { ResponseHead } from './files/response-head.js';
import type { Asked, ReadyAnswer } from './files/short-answer.js';
import { missingFileProblem } from './pages/problem-page.js';
import { isToldAsText, problemText } from './respond.js';
import { SECURITY_HEADERS } from './security-headers.js';

const FIELDS = [
  ...Object.entries(SECURITY_HEADERS).flat(),
  ...['Vary', 'Accept', 'Cache-Control', 'no-store', 'Content-Type', 'text/plain; charset=utf-8'],
];
/** Bytes of a body up to which its header fields, which say no more of it, are kept. */
const KEPT_LENGTHS = 1024;
const heads: ResponseHead[] = [];
/** What was told, as long as it is remembered that the path is not there. */
const told = new WeakMap<Miss, ReadyAnswer>();

/**
 * Tells a program that a mirror has no such file: without a router, a client that tries names must cost little. Undefined
 * where there is more to say, or something to be made of another file.
 */
export function absenceAnswer(asked: Asked, miss: Miss): ReadyAnswer | undefined {
  const { mirror, path, status } = miss;
  if (status !== 404 || mirror === undefined || !path || !isToldAsText(asked.headers.accept)) return undefined;
  const { url = '' } = asked;
  let answer = url.includes('?') ? undefined : told.get(miss);
  if (!answer) {
    if (derivedTarget(path, url)) return undefined;
    const body = Buffer.from(problemText(missingFileProblem(mirror, path)));
    told.set(miss, (answer = { head: headOf(body.length), body }));
  }
  return asked.method === 'HEAD' ? { head: answer.head, body: null } : answer;
}

function headOf(length: number): ResponseHead {
  const make = (): ResponseHead => new ResponseHead(404, [...FIELDS, 'Content-Length', String(length)]);
  return length < KEPT_LENGTHS ? (heads[length] ??= make()) : make();
}
