import type { Request } from 'express';
import type { z } from 'zod';
import { MillpondError } from '../core/errors.js';

/** @throws MillpondError `invalid` with the path of each member that is wrong */
export function bodyOf<T>(req: Request, schema: z.ZodType<T>): T {
  const { success, data, error } = schema.safeParse(req.body ?? {});
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  throw new MillpondError('invalid', problems.join('; '));
}
