import * as z from 'zod';
import { parseRate, parseShare, parseSize } from '../core/units.js';
import { accessLog } from './access-log-schema.js';
import * as field from './fields.js';
import { files } from './files-schema.js';
import { images } from './image-schema.js';
import { listen } from './listen-schema.js';
import { mirrors } from './mirror-schema.js';
import { mirrorz } from './mirrorz-schema.js';
import { proxies } from './proxies.js';
import { ownRegistry, registries } from './registry-schema.js';
import { zones } from './zones.js';

const site = field
  .section({
    name: field.text({ description: 'Name of this mirror server, on every page.' }).prefault('Software mirror'),
    url: field
      .parsed('a public address: write it as https://mirror.example.edu', parseSiteUrl, {
        description: 'Public address of this server.',
        examples: ['https://mirror.example.edu'],
      })
      .optional(),
    contact: field
      .text({ description: 'Whom to write to about this server.', examples: ['mirror@example.edu'] })
      .optional(),
    mirrorz,
  })
  .prefault({})
  .meta({ description: 'Who runs this server.' });

const keep = field
  .section({
    runs: field.whole(1, 100_000, { description: 'The newest runs of each mirror.' }).prefault(30),
    days: field.whole(0, 36_500, { description: 'Also all runs that are not older than so many days.' }).prefault(90),
  })
  .prefault({})
  .meta({ description: 'Which runs are kept, with their logs.' });

const sync = field
  .section({
    concurrency: field.whole(1, 256, { description: 'Runs at a time, in all.' }).prefault(4),
    per_host: field.whole(1, 256, { description: 'Runs at a time from one upstream host.' }).prefault(2),
    jitter: field
      .duration('0s', '1d', { description: 'A scheduled run starts up to so much later, by chance.' })
      .prefault('5m'),
    reserve: field
      .parsed('a share below 100%, or a size: write it as 5% or 500GB', parseReserve, {
        description: 'Disk space that no run may use.',
        examples: ['5%', '500GB'],
      })
      .prefault('5%'),
    bandwidth: field
      .parsed('a rate of at least 1kB/s: write it as 2Gbit/s or 50MB/s', parseBandwidth, {
        description: 'What all runs together may take. Default: no limit.',
        examples: ['2Gbit/s', '50MB/s'],
      })
      .optional(),
    keep,
  })
  .prefault({})
  .meta({ description: 'Rules for all runs together.' });

/** Each takes some 100 MB. */
const MOST_WORKERS = 64;
const WORKERS = { error: field.mustBe(`auto, or a whole number from 0 to ${MOST_WORKERS}`) };

/** Everything that may be written, with defaults. Its output is resolved by `load.ts` into `Settings`. */
export const schema = field.section({
  site,
  data: field
    .text(
      { description: 'Folder for all that Millpond keeps. Relative paths count from this file.' },
      field.pathProblem,
    )
    .prefault('./data'),
  keyrings: field
    .text(
      {
        description: 'Folder for keys of upstreams that no Debian package has. Relative paths count from this file.',
        examples: ['./keyrings'],
      },
      field.pathProblem,
    )
    .prefault('./keyrings'),
  listen,
  workers: z
    .union([z.literal('auto', WORKERS), z.int(WORKERS).min(0, WORKERS).max(MOST_WORKERS, WORKERS)], WORKERS)
    .prefault(0)
    .meta({
      description:
        'Processes that serve published trees beside the main one. 0: none, it serves them itself; auto: one for each core.',
    }),
  sync,
  files,
  access_log: accessLog,
  statistics: field
    .section({
      front_log: field
        .text(
          {
            description: 'Log of a server before this one that serves files itself (`millpond front`).',
            examples: ['/var/log/nginx/millpond.log'],
          },
          field.pathProblem,
        )
        .optional(),
    })
    .prefault({})
    .meta({ description: 'What is counted.' }),
  help: field
    .section({
      check: z
        .enum(['daily', 'never'])
        .prefault('daily')
        .meta({ description: 'How often the instructions for apt, dnf and pacman are tried out on this machine.' }),
    })
    .prefault({})
    .meta({ description: 'Instructions for clients.' }),
  grace: field
    .duration('0s', '1d', { description: 'How long downloads may go on when the program is stopped.' })
    .prefault('30s'),
  zones: zones.prefault({}).meta({
    description:
      'Where clients are, by name, and what they may use. All that are in none of these networks are in the zone "public".',
  }),
  proxies,
  mirrors: mirrors.prefault({}).meta({ description: 'What is mirrored, by name: served at /<name>/.' }),
  registries: registries.prefault({}).meta({
    description: 'Upstream registries of container images, by the name that clients use: docker.io, quay.io.',
  }),
  images: images.prefault([]).meta({ description: 'Repositories of container images that are mirrored.' }),
  registry: ownRegistry,
});

export type RawSettings = z.output<typeof schema>;

function parseSiteUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  const isPlain = url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password;
  return isPlain && /^https?:$/.test(url.protocol) ? url.origin : undefined;
}

function parseReserve(value: string): { share: number } | { bytes: number } | undefined {
  const share = parseShare(value);
  if (share !== undefined) return share < 1 ? { share } : undefined;
  const bytes = parseSize(value);
  return bytes === undefined ? undefined : { bytes };
}

function parseBandwidth(value: string): number | undefined {
  const rate = parseRate(value);
  return rate !== undefined && rate >= 1000 ? rate : undefined;
}
