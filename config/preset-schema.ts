import * as z from 'zod';
import { parseSize } from '../core/units.js';
import * as field from './fields.js';
import { CONFIRMATIONS, mirror } from './mirror-schema.js';
import { pattern } from './mirror-problems.js';
import { download, helpBlock } from './preset-help-schema.js';
import * as problem from './preset-problems.js';
import { errorMap, problemsOf } from './problems.js';

/** How a project stands towards new mirrors of it. */
export const STATUSES = [
  ...['open', 'practice-only', 'registration', 'ip-allowlist', 'discouraged', 'closed'],
  ...['cdn-only', 'no-rsync', 'push-only', 'unknown'],
] as const;

/** Something that was looked for and not found says so; it is never a guess. */
const UNKNOWN = z.literal('unknown');

const perDay = z
  .union([UNKNOWN, z.number().positive().max(1440)], { error: field.mustBe('a number of runs a day, or unknown') })
  .meta({ description: 'Runs a day.' });

const source = field.section({
  url: field.text(
    { description: 'As an upstream is written; {country} stands for a country code.', examples: ['rsync://h/m/'] },
    problem.source,
  ),
  country: field
    .text({ description: 'Code of the country that it is in, in lower case.', examples: ['us'] }, problem.country)
    .optional(),
  role: z.enum(['tier0', 'tier1', 'public', 'regional']).meta({ description: "How near it is to the project's own." }),
  access: z
    .enum(['open', 'registration', 'password', 'ip-allowlist', 'ssh', 'unknown'])
    .meta({ description: 'Whom it lets in.' }),
  note: field.text({ description: 'What there is to know about it.' }, problem.prose).optional(),
});

const forbidden = field.section({
  host: field.text({ description: 'Host that must not be mirrored from.' }).optional(),
  what: field.text({ description: 'What must not be done.' }, problem.prose),
});

const selection = field.section({
  label: field.text({ description: 'What is chosen, for people.' }),
  values: field
    .textList({ description: 'All that may be chosen. Without it, any word may.' }, problem.value)
    .optional(),
  examples: field
    .textList({ description: 'What may be chosen, where values cannot be listed.' }, problem.value)
    .prefault([]),
  keep: field
    .textList(
      { description: 'rsync patterns that are shown for each chosen {value}, before anything is hidden.' },
      pattern,
    )
    .prefault([]),
  drop: field
    .textList({ description: 'rsync patterns that are hidden for each {value} that was not chosen.' }, pattern)
    .prefault([]),
  rest: field
    .textList({ description: 'rsync patterns that are hidden once the chosen ones are shown.' }, pattern)
    .prefault([]),
  note: field.text({ description: 'What a choice leaves out, and what not.' }, problem.prose).optional(),
});

/** Where something that is said in a preset comes from. */
const provenance = field.section({
  basis: z.enum(['official', 'practice', 'derived', 'unknown']).meta({
    description:
      'official: the project says so. practice: other mirrors do so. derived: follows from something else. unknown: ' +
      'looked for, and not found.',
  }),
  source: field.text({ description: 'Page, file or reasoning.' }, problem.prose),
  date: field.text({ description: 'When it was read, where not at the date of the preset.' }, problem.date).optional(),
});

/** A partial entry of `mirrors:`, by the very rules that hold there. */
const partialMirror = z.record(z.string(), z.unknown()).superRefine((section, context) => {
  const filled = {
    upstream: 'rsync://host/module/',
    ...('every' in section || 'schedule' in section ? {} : { schedule: 'manual' }),
    ...section,
  };
  const checked = mirror.safeParse(filled, { error: errorMap });
  for (const { path, sentence } of checked.success ? [] : problemsOf(checked.error.issues))
    context.addIssue({ code: 'custom', message: sentence, path: [...path] });
});

/** What is known about an upstream, and how Millpond mirrors it. */
export const presetSchema = field.section({
  name: field.text({ description: 'Name for people.' }),
  category: z.enum(['distro', 'bsd', 'project', 'lang']).meta({ description: 'Where it stands in lists.' }),
  kind: z
    .enum(['apt', 'rpm', 'pacman', 'apk', 'iso', 'ebuild', 'xbps', 'sets', 'tex', 'cran', 'cpan', 'plain'])
    .meta({ description: 'What its metadata is.' }),
  homepage: field.text({ description: 'Page of the project.' }, problem.homepage),
  collected: field.text({ description: 'When all of this was read: YYYY-MM-DD.' }, problem.date),
  status: z.enum(STATUSES).meta({ description: 'How the project stands towards new mirrors.' }),
  notices: field.textList({ description: 'What is shown before it is mirrored.' }, problem.prose).prefault([]),
  confirm: z
    .array(z.enum(CONFIRMATIONS))
    .prefault([])
    .meta({ description: 'What an operator must confirm before it is mirrored.' }),
  sources: z.array(source).prefault([]).meta({ description: 'Where it can be mirrored from, best first.' }),
  forbidden: z.array(forbidden).prefault([]).meta({ description: 'What the project does not want.' }),
  policy: field.section({
    recommended_per_day: perDay,
    max_per_day: perDay,
    min_per_day: perDay,
    timing: field.text({ description: 'When runs should be, in words, or unknown.' }, problem.prose),
    requirements: field.textList({ description: 'What a mirror must offer or do.' }, problem.prose).prefault([]),
    texts: field.textList({ description: 'What else the project says.' }, problem.prose).prefault([]),
  }),
  size: z
    .union([
      UNKNOWN,
      field.section({
        bytes: field.parsed('a size: write it as 500GB', parseSize, { description: 'All of the tree.' }),
        as_of: field.text({ description: 'When that was so, as far as it is known.' }),
        note: field.text({ description: 'What it covers.' }, problem.prose).optional(),
      }),
    ])
    .meta({ description: 'How much room it takes.' }),
  select: z.record(z.string(), selection).prefault({}).meta({ description: 'Parts that may be chosen, by name.' }),
  mirror: partialMirror.meta({ description: 'Keys of an entry of "mirrors:" that this preset gives.' }),
  serving: field
    .section({
      protocols: z
        .array(z.enum(['http', 'https', 'rsync']))
        .prefault([])
        .meta({ description: 'By what the project wants it served.' }),
      rules: field.textList({ description: 'How the project wants it served.' }, problem.prose).prefault([]),
    })
    .prefault({}),
  help: z.array(helpBlock).prefault([]).meta({ description: 'How clients are set up.' }),
  downloads: z.array(download).prefault([]).meta({ description: 'Rules that find installers.' }),
  signature: z
    .union([
      UNKNOWN,
      field.section({
        kind: z.enum(['openpgp', 'signify', 'rsa', 'x509', 'other']).meta({ description: 'What signs it.' }),
        files: field.textList({ description: 'Which files carry the signature.' }, problem.prose),
        note: field.text({ description: 'What it covers.' }, problem.prose).optional(),
      }),
    ])
    .meta({ description: 'How its bytes can be trusted.' }),
  provenance: z
    .record(z.string(), provenance)
    .meta({ description: 'Where each field comes from, by its dotted name.' }),
});

export type RawPreset = z.output<typeof presetSchema>;
export type PresetSource = RawPreset['sources'][number];
export type PresetSelection = RawPreset['select'][string];
export type Provenance = z.output<typeof provenance>;
