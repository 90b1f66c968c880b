import * as z from 'zod';
import { mirrorNameProblem } from '../core/mirror.js';
import { parseUpstream } from '../core/upstream.js';
import * as field from './fields.js';
import { guard, keep } from './guard-schema.js';
import { zoneName } from './image-problems.js';
import { checkMarkers, markers } from './marker-schema.js';
import * as problem from './mirror-problems.js';
import { value as choice } from './preset-problems.js';
import { pace } from './pace-schema.js';
import { stageOptionProblem } from './stage-options.js';
import * as target from './target-schema.js';
import { trace } from './trace-schema.js';
import { verify } from './verify-schema.js';

/** What an operator can be asked to confirm before a mirror of a preset is begun. */
export const CONFIRMATIONS = ['closed', 'discouraged', 'registration', 'private-only'] as const;

const PATTERN_EXAMPLES = ['*-arm64*', '/dists/experimental/'];

const stage = field.section({
  name: field
    .text({ description: 'Name of the stage in logs and on pages.', examples: ['content'] }, problem.stageName)
    .optional(),
  include: field
    .textList({ description: 'rsync patterns, tried before "exclude".', examples: [['by-hash/']] }, problem.pattern)
    .prefault([]),
  exclude: field
    .textList({ description: 'rsync patterns that this stage leaves alone.', examples: [['/dists/']] }, problem.pattern)
    .prefault([]),
  delete: z
    .boolean()
    .optional()
    .meta({ description: 'Remove what upstream no longer has. Default: only the last stage does.' }),
  options: field
    .textList(
      {
        description: 'More rsync options, one word each. Only options that leave the tree itself alone are allowed.',
        examples: [['--compress', '--max-size=10G']],
      },
      stageOptionProblem,
    )
    .prefault([]),
});

const stages = z
  .union([z.enum(['one', 'apt']), z.array(stage).min(1).superRefine(refuseEqualNames)], {
    error: field.mustBe('"one", "apt", or a list of stages'),
  })
  .prefault('one')
  .meta({
    description:
      'In which order files are fetched. one: everything at once. apt: packages first, then the indexes that name them. ' +
      'Or a list of stages of your own.',
  });

const password = field
  .section({
    file: field
      .text(
        { description: 'File that holds it; only its owner may read it.', examples: ['./debian.pw'] },
        problem.passwordFile,
      )
      .optional(),
    env: field
      .text({ description: 'Environment variable that holds it.', examples: ['DEBIAN_PASSWORD'] }, problem.variable)
      .optional(),
  })
  .superRefine(
    (value, context) => {
      const count = [value.file, value.env].filter((each) => each !== undefined).length;
      if (count !== 1) context.addIssue({ code: 'custom', message: `must hold either "file" or "env"` });
    },
    { when: ({ value }) => field.isSection(value) },
  )
  .meta({ description: 'Where the password for the rsync daemon is kept. Never the password itself.' });

/** What ties a mirror to what is known about its upstream. */
const ofPreset = {
  preset: field
    .text({
      description:
        'Name of an upstream that Millpond knows (`millpond presets`): keys that are not given come from there.',
      examples: ['debian'],
    })
    .optional(),
  select: z
    .record(z.string(), field.textList({ description: 'What is chosen of it.' }, choice, 1))
    .optional()
    .meta({
      description: 'Which parts are mirrored, by the selections of the preset. Default: all of it.',
      examples: [{ arch: ['amd64'], suites: ['trixie'] }],
    }),
  confirmed: z
    .array(z.enum(CONFIRMATIONS))
    .prefault([])
    .meta({ description: 'What the preset asks to be confirmed, and an operator has confirmed.' }),
};

/** One mirror as it is written. Only `upstream`, and `schedule` or `every`, must be given, and not with every preset. */
export const mirror = field
  .section({
    ...target.words,
    ...ofPreset,
    upstream: field
      .textList(
        {
          description:
            'Where it comes from; a list is tried in order. rsync://[user@]host[:port]/module/, host::module/, ' +
            'user@host:folder/ (ssh), /folder/ or ./folder/.',
          examples: ['rsync://ftp.example.org/debian/'],
        },
        problem.upstream,
        1,
      )
      .optional(),
    ssh_key: field
      .text({ description: 'Private key for ssh upstreams.', examples: ['./keys/debian'] }, problem.keyFile)
      .optional(),
    ssh_port: field.whole(1, 65_535, { description: 'Port of ssh upstreams.' }).optional(),
    password: password.optional(),
    ...target.rhythm,
    frozen: z.boolean().prefault(false).meta({
      description: 'Upstream changes it no more: an archive, which is never late.',
    }),
    stages,
    exclude: field
      .textList(
        {
          description: 'rsync patterns that are never mirrored; what matches is removed.',
          examples: [PATTERN_EXAMPLES],
        },
        problem.pattern,
      )
      .prefault([]),
    protect: field
      .textList(
        {
          description: 'rsync patterns of what stays in the tree although upstream does not have it.',
          examples: [['/project/trace/mirror.example.edu']],
        },
        problem.pattern,
      )
      .prefault([]),
    ...target.endurance,
    publish: z
      .enum(['slots', 'in-place'])
      .prefault('slots')
      .meta({
        description:
          'slots: a new tree is built beside the old one and switched in whole. in-place: files are replaced one by one ' +
          'in the tree that is being served.',
      }),
    sources: field
      .textList(
        {
          description: 'Other addresses of the same tree over HTTP, told to clients that fetch from several at a time.',
          examples: ['https://mirror.example.net/debian/'],
        },
        problem.source,
      )
      .prefault([]),
    read: field
      .textList(
        {
          description: 'Zones (of "zones", or public) whose clients may read it. Default: all.',
          examples: [['campus']],
        },
        zoneName,
        1,
      )
      .optional(),
    ...markers,
    pace: pace.optional(),
    trace: trace.optional(),
    verify: verify.optional(),
    guard,
    keep: keep.optional(),
  })
  .superRefine(checkTogether, { when: ({ value }) => field.isSection(value) });

export type RawMirror = z.output<typeof mirror>;
export type RawStage = z.output<typeof stage>;

/** The name of a stage, given or by its place. */
export function stageName(raw: RawStage, index: number): string {
  return raw.name ?? `stage-${index + 1}`;
}

/** By name. */
export const mirrors = z.record(z.string(), mirror).superRefine(
  (value, context) => {
    for (const name of Object.keys(value)) {
      const problem = mirrorNameProblem(name);
      if (problem) context.addIssue({ code: 'custom', message: `${field.quote(name)} ${problem}`, path: [name] });
    }
  },
  { when: ({ value }) => field.isSection(value) },
);

/** What only several keys together tell. Runs on mirrors with other problems too: nothing is known to be right. */
function checkTogether(value: Partial<RawMirror>, context: z.RefinementCtx): void {
  const complain = (path: string, message: string): void => context.addIssue({ code: 'custom', message, path: [path] });
  if (value.upstream === undefined) complain('upstream', missingUpstream(value.preset));
  if (value.select !== undefined && value.preset === undefined)
    complain('select', 'has a meaning only beside "preset"');
  target.checkRhythm(value, complain);
  if (value.keep !== undefined && value.publish === 'in-place')
    complain('keep', 'needs "publish: slots": a tree that is changed in place has no generations');
  checkMarkers(value, complain);
  const kinds = upstreamKinds(value.upstream);
  if (!kinds) return;
  if (value.password !== undefined && !kinds.has('daemon'))
    complain('password', 'is for rsync daemons, and no upstream is one; ssh takes "ssh_key"');
  for (const key of ['ssh_key', 'ssh_port'] as const)
    if (value[key] !== undefined && !kinds.has('ssh')) complain(key, 'is for ssh, and no upstream uses it');
}

function missingUpstream(preset: string | undefined): string {
  if (preset === undefined) return 'is missing';
  return `is missing: the preset names no single source that is open to all; millpond presets ${preset} tells which there are`;
}

function upstreamKinds(upstreams: unknown): Set<string> | undefined {
  if (!Array.isArray(upstreams)) return undefined;
  try {
    return new Set(upstreams.map((each) => parseUpstream(String(each)).kind));
  } catch {
    return undefined; // said already
  }
}

function refuseEqualNames(stages: readonly RawStage[], context: z.RefinementCtx): void {
  const names = stages.map(stageName);
  names.forEach((name, index) => {
    if (names.indexOf(name) === index) return;
    context.addIssue({
      code: 'custom',
      message: `${field.quote(name)} names an earlier stage too`,
      path: [index, 'name'],
    });
  });
}
