import { parseRate, parseSize } from '../core/units.js';
import * as field from './fields.js';

/** Rules for all published files together. */
export const files = field
  .section({
    hash_over: field
      .parsed('a size of at least 1MB, or "never": write it as 100MB', parseOver, {
        description:
          'Checksums of files that are larger are computed before anybody asks; of all others, when somebody asks.',
        examples: ['100MB', 'never'],
      })
      .prefault('100MB'),
    hash_rate: field
      .parsed('a rate of 1MB/s to 10GB/s: write it as 25MB/s', parseHashRate, {
        description: 'What is read at most to compute checksums before anybody asks.',
        examples: ['25MB/s'],
      })
      .prefault('25MB/s'),
  })
  .prefault({})
  .meta({ description: 'Rules for all published files together.' });

function parseOver(value: string): { bytes: number | null } | undefined {
  if (value === 'never') return { bytes: null };
  const bytes = parseSize(value);
  return bytes !== undefined && bytes >= 1e6 ? { bytes } : undefined;
}

function parseHashRate(value: string): number | undefined {
  const rate = parseRate(value);
  return rate !== undefined && rate >= 1e6 && rate <= 1e10 ? rate : undefined;
}
