import type * as z from 'zod';
import type { GuardLimits } from '../core/guard.js';
import type { KeepRule } from '../core/kept.js';
import { parseShare, parseSize } from '../core/units.js';
import * as field from './fields.js';

const share = (description: string) => field.parsed('a share of 0% to 100%', parseShare, { description });

export const guard = field
  .section({
    max_delete: share('Share of the published files that one run may delete before it waits for a person.').prefault(
      '50%',
    ),
    max_delete_files: field.whole(20, 1_000_000_000, { description: 'The same, as a number of files.' }).optional(),
    max_delete_bytes: field
      .parsed('a size: write it as 500GB or 500GiB', parseSize, {
        description: 'The same, as the size of these files.',
        examples: ['500GB'],
      })
      .optional(),
    max_shrink: share(
      'Share by which one index file of 1 MB or more may become smaller: Packages, primary.xml, *.db, APKINDEX and such.',
    ).prefault('50%'),
    max_touched: share(
      'Share of the published files that one run may replace or touch; trees of less than 1,000 files are exempt.',
    ).prefault('90%'),
  })
  .prefault({})
  .meta({ description: 'Limits that hold a run back until a person decides. 100% is no limit.' });

const kept = (most: number, period: string) =>
  field.whole(0, most, { description: `Newest generations of so many ${period}, by UTC.` }).optional();

export const keep = field
  .section({ daily: kept(1000, 'days'), weekly: kept(520, 'weeks'), monthly: kept(240, 'months') })
  .meta({
    description:
      'Dated generations that are kept and served below /<mirror>/@<time>/. They share the bytes of files that have not ' +
      'changed, and make room when the disk is nearly full, the oldest first.',
  });

export function resolveGuard(raw: z.output<typeof guard>): GuardLimits {
  return {
    maxDelete: raw.max_delete,
    maxDeleteFiles: raw.max_delete_files ?? null,
    maxDeleteBytes: raw.max_delete_bytes ?? null,
    maxShrink: raw.max_shrink,
    maxTouched: raw.max_touched,
  };
}

/** Null where nothing is kept. */
export function resolveKeep(raw: z.output<typeof keep> | undefined): KeepRule | null {
  if (!raw) return null;
  return { daily: raw.daily ?? 0, weekly: raw.weekly ?? 0, monthly: raw.monthly ?? 0 };
}
