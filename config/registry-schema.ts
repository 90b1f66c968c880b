import * as z from 'zod';
import { parseDuration, parseRate, parseSize } from '../core/units.js';
import * as field from './fields.js';
import * as problem from './image-problems.js';
import { namePatternProblem } from './name-pattern.js';
import { tagPatternProblem } from './tag-pattern.js';

const GIGABYTE = 1e9;
const LEAST_MANIFEST = 2 ** 20;
const MOST_MANIFEST = 2 ** 24;
const MOST_RULES = 100;
const LIMITS = ['keep_newest', 'older_than', 'unpulled_for'] as const;

const onDemand = field.section({
  allow: field.textList(
    {
      description: 'Patterns of repositories of this registry that may be fetched; "*" is one part, "**" any parts.',
      examples: [['library/*']],
    },
    namePatternProblem,
    1,
  ),
  keep: field.parsed('a size of at least 1GB: write it as 500GB or 500GiB', parseKeep, {
    description: 'What images fetched on demand may take in all; least recently pulled ones make room.',
    examples: ['500GB'],
  }),
  recheck: field
    .duration('10s', '30d', {
      description: 'A tag is compared with upstream again when it is asked for after so long.',
    })
    .prefault('10m'),
  zones: field
    .textList(
      {
        description: 'Zones (of "zones", or public) whose clients may cause a fetch. Default: all.',
        examples: [['campus']],
      },
      problem.zoneName,
    )
    .prefault([]),
  pin: field
    .textList(
      {
        description: 'Patterns of repositories, as in "allow", that never make room for others. Default: none.',
        examples: [['library/debian']],
      },
      namePatternProblem,
    )
    .prefault([]),
});

const registry = field.section({
  url: field.text(
    { description: 'Address of the registry, without a path.', examples: ['https://quay.io'] },
    problem.registryUrl,
  ),
  credentials: field
    .text(
      {
        description: "File in the form of Docker's config.json that holds the account; only its owner may read it.",
        examples: ['secrets/docker.json'],
      },
      problem.credentialsFile,
    )
    .optional(),
  budget: field
    .parsed('a budget of pulls in a time of 1m to 7d: write it as 80/6h', parseBudget, {
      description: 'Manifests that may be fetched in each time, on top of what the registry itself says.',
      examples: ['80/6h'],
    })
    .optional(),
  alias: field
    .text(
      {
        description: "Host name of this server under which the registry's repositories have their own names.",
        examples: ['docker.mirror.example.edu'],
      },
      problem.alias,
    )
    .optional(),
  on_demand: onDemand.optional().meta({ description: 'What is fetched when a client asks for it. Default: nothing.' }),
  private_addresses: z
    .boolean()
    .prefault(false)
    .meta({ description: 'Whether it, and where it redirects to, may have private or loopback addresses.' }),
});

export type RawRegistry = z.output<typeof registry>;

/** By name, as it is written: several spellings of Docker Hub are one registry. */
export const registries = z.record(z.string(), registry).superRefine(
  (value, context) => {
    for (const name of Object.keys(value)) {
      const sentence = problem.registryName(name);
      if (sentence) context.addIssue({ code: 'custom', message: sentence, path: [name] });
    }
  },
  { when: ({ value }) => field.isSection(value) },
);

const keep = field
  .section({
    untagged: field
      .duration('1s', '3650d', { description: 'How long pushed manifests stay that no tag and no index names.' })
      .prefault('7d'),
    history: field.whole(0, 1000, { description: 'Former digests that are kept of each tag.' }).prefault(10),
    grace: field
      .duration('1s', '90d', {
        description: 'How long anything stays that nothing refers to; a push must end within it.',
      })
      .prefault('1d'),
  })
  .prefault({})
  .meta({ description: 'What is kept that nobody needs at the moment.' });

const retentionRule = field
  .section({
    repositories: field.textList(
      {
        description: 'Patterns of the repositories that it is about, of those that are pushed to.',
        examples: [['lab/**']],
      },
      namePatternProblem,
      1,
    ),
    tags: field
      .textList(
        { description: 'Patterns of the tags that it is about. Default: all.', examples: [['nightly-*']] },
        tagPatternProblem,
      )
      .prefault([]),
    keep_newest: field
      .whole(1, 1000, { description: 'So many of these tags stay in each repository, those pushed last.' })
      .optional(),
    older_than: field
      .duration('1h', '3650d', { description: 'A tag goes only when it was last pushed longer ago.' })
      .optional(),
    unpulled_for: field
      .duration('1h', '3650d', { description: 'A tag goes only when it was last pulled, and pushed, longer ago.' })
      .optional(),
  })
  .superRefine(checkRetention, { when: ({ value }) => field.isSection(value) });

/** The registry that this server is. */
export const ownRegistry = field
  .section({
    push: field
      .textList(
        {
          description: 'Patterns of repositories that tokens may open for pushing. Default: none, and nobody pushes.',
          examples: [['lab/*']],
        },
        namePatternProblem,
      )
      .prefault([]),
    immutable: field
      .textList(
        { description: 'Patterns of tags that never move once they were pushed.', examples: [['v*']] },
        tagPatternProblem,
      )
      .prefault([]),
    retention: z
      .array(retentionRule)
      .max(MOST_RULES, { error: `there are more than ${MOST_RULES} rules` })
      .prefault([])
      .meta({
        description:
          'Rules by which pushed tags go, when every limit given is passed; the first that names a tag decides.',
      }),
    max_manifest: field
      .parsed('a size of 1MiB to 16MiB', parseManifestSize, { description: 'The largest manifest that is taken.' })
      .prefault('4MiB'),
    scrub: field
      .section({
        rate: field
          .parsed('a rate of 1MB/s to 10GB/s: write it as 25MB/s', parseScrubRate, {
            description: 'What it reads at most.',
            examples: ['25MB/s'],
          })
          .prefault('25MB/s'),
      })
      .prefault({})
      .meta({ description: 'The search for bytes on the disk that have gone bad.' }),
    keep,
  })
  .prefault({})
  .meta({ description: 'Rules of the registry that this server is, at /v2/.' });

export type RawOwnRegistry = z.output<typeof ownRegistry>;

function parseKeep(value: string): number | undefined {
  const bytes = parseSize(value);
  return bytes !== undefined && bytes >= GIGABYTE ? bytes : undefined;
}

function checkRetention(value: Partial<z.output<typeof retentionRule>>, context: z.RefinementCtx): void {
  if (LIMITS.some((limit) => value[limit] !== undefined)) return;
  const message = `has no limit, and would let all of its tags go: give at least one of ${LIMITS.join(', ')}`;
  context.addIssue({ code: 'custom', message });
}

function parseManifestSize(value: string): number | undefined {
  const bytes = parseSize(value);
  return bytes !== undefined && bytes >= LEAST_MANIFEST && bytes <= MOST_MANIFEST ? bytes : undefined;
}

function parseScrubRate(value: string): number | undefined {
  const rate = parseRate(value);
  return rate !== undefined && rate >= 1e6 && rate <= 1e10 ? rate : undefined;
}

function parseBudget(value: string): { pulls: number; window: number } | undefined {
  const [, count = '', time = ''] = /^(\d{1,7}) ?\/ ?(\w+)$/.exec(value) ?? [];
  const pulls = Number(count);
  const window = parseDuration(time) ?? 0;
  return pulls > 0 && window >= 60 && window <= 7 * 86_400 ? { pulls, window } : undefined;
}
