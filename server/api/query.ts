import type { Request } from 'express';
import { MillpondError } from '../../core/errors.js';

const LONGEST_TEXT = 200;

/** A number from 1 to `most` in the query; undefined where it is not given. @throws MillpondError invalid */
export function readCount(req: Request, name: string, most: number): number | undefined {
  const value = req.query[name];
  if (value === undefined) return undefined;
  const count = typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value) ? Number(value) : Number.NaN;
  if (count <= most) return count;
  throw new MillpondError('invalid', `${name}=${JSON.stringify(value)} is not a number from 1 to ${most}.`);
}

/** A text in the query; what is given twice or as an object counts as not given. */
export function readText(req: Request, name: string): string {
  const value = req.query[name];
  return typeof value === 'string' ? value.slice(0, LONGEST_TEXT).trim() : '';
}
