import * as z from 'zod';
import { schema } from './schema.js';

/** The JSON Schema (draft 7, which editors understand) of what an operator may write. */
export function jsonSchema(): Record<string, unknown> {
  const generated = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return { ...generated, title: 'Configuration of Millpond' };
}
