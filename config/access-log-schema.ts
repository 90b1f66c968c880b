import * as z from 'zod';
import * as field from './fields.js';

/** The log of what clients ask for. */
export const accessLog = field
  .section({
    file: field.text(
      {
        description: 'Where it is written. Relative paths count from this file.',
        examples: ['/var/log/millpond/access.log'],
      },
      field.pathProblem,
    ),
    format: z.enum(['combined', 'json']).prefault('combined').meta({
      description: 'combined: the lines of Apache and nginx. json: one object a line.',
    }),
    addresses: z.enum(['truncated', 'full', 'none']).prefault('truncated').meta({
      description:
        'How much of the addresses of clients is written. truncated: networks of 24 bits (IPv4) and 48 bits (IPv6).',
    }),
  })
  .optional()
  .meta({ description: 'The log of what clients ask for. Without it, none is written. SIGUSR1 opens its file again.' });
