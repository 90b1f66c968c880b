import * as z from 'zod';
import { MARKER_MEANINGS, MARKER_PARSERS, type MarkerRule, type Origin, type WaitRule } from '../core/mirror.js';
import * as field from './fields.js';
import * as problem from './mirror-problems.js';

/** How a mirror learns whether its upstream has something new, and whether that is whole. */

const MOST_CANDIDATES = 8;
/** Seconds between two looks at the marker of an upstream, when nothing else is said. */
const EVERY = 15 * 60;

const markerKeys = field.section({
  path: field
    .textList(
      {
        description: "Path of upstream's freshness file, below its root; of a list, the first that is there.",
        examples: ['project/trace/master', ['.trace/ubuntu-kazooie', '.trace/ubuntu-banjo']],
      },
      problem.markerPath,
      1,
    )
    .refine((paths) => paths.length <= MOST_CANDIDATES, `must not have more than ${MOST_CANDIDATES} candidates`)
    .optional(),
  parser: z
    .enum(MARKER_PARSERS)
    .prefault('text')
    .meta({
      description:
        'How a time is read from it. epoch: seconds since 1970 as the first word. date-line: a line "Date: ...", or ' +
        'the first line that is a date. date: its first line. trace: a trace file of ftpsync, compared by its ' +
        '"Archive serial". key-date: a line "key=date". utc-dashes: its last line as 2021-04-03-02-50. ' +
        'last-modified: when the file was changed, which is not fetched. json: a member, named by "field". text: no ' +
        'time, only whether it has changed.',
    }),
  field: field
    .text({
      description: 'For json: the member, with dots between names; for key-date: the key. Default of key-date: date.',
      examples: ['meta.Producers.time'],
    })
    .optional(),
  meaning: z
    .enum(MARKER_MEANINGS)
    .prefault('content')
    .meta({
      description:
        'content: it changes when the tree does, and only such a marker ends a run as unchanged. heartbeat: it is ' +
        'written whether anything has changed or not. run: it tells when the upstream itself last ran.',
    }),
  url: field
    .text(
      {
        description: 'Read over HTTP instead: a folder, below which the path is read, or the very file.',
        examples: ['https://deb.example.org/debian/'],
      },
      problem.markerUrl,
    )
    .optional(),
});

const marker = markerKeys
  .superRefine(checkMarker, { when: ({ value }) => field.isSection(value) })
  .meta({ description: "Upstream's own freshness file: read before each run, and between runs." });

const origin = field
  .section({
    url: field.text(
      { description: 'Its folder over HTTP.', examples: ['https://deb.example.org/debian/'] },
      problem.source,
    ),
    every: field
      .duration('1m', '7d', {
        description: 'The markers of both, this one and "upstream", are read so often. Default: 15m.',
      })
      .optional(),
  })
  .meta({ description: 'The true upstream, where "upstream" is a mirror of it: its marker is read as well.' });

const waitWhile = field
  .section({
    files: field.textList(
      {
        description: "Below upstream's root, with * and ? in the last part.",
        examples: [['Archive-Update-in-Progress-*']],
      },
      problem.waitFile,
      1,
    ),
    pause: field.duration('1s', '6h', { description: 'Between two looks.' }).prefault('20m'),
    tries: field.whole(1, 50, { description: 'Looks in all; then the run fails, to be tried again.' }).prefault(3),
  })
  .meta({ description: 'Files that tell that upstream is in the middle of an update, which a run waits for.' });

export const markers = {
  marker: marker.optional(),
  heartbeat: field
    .text(
      {
        description: 'A file that is fetched although the marker has not moved, as a sign that the mirror still asks.',
        examples: ['lastsync'],
      },
      problem.markerPath,
    )
    .optional(),
  origin: origin.optional(),
  wait_while: waitWhile.optional(),
  file_list: field
    .text(
      {
        description: "File at upstream's root that lists all others with time and size: lists are compared, not trees.",
        examples: ['fullfiletimelist-epel'],
      },
      problem.listName,
    )
    .optional(),
};

type RawMarkers = Partial<{ [Key in keyof typeof markers]: z.output<(typeof markers)[Key]> }>;
type RawMarker = z.output<typeof markerKeys>;

/** The part of a mirror that the keys above make. */
export function resolveMarkers(raw: RawMarkers): {
  marker: MarkerRule | null;
  markerEvery: number;
  origin: Origin | null;
  heartbeat: string | null;
  waitWhile: WaitRule | null;
  fileList: string | null;
} {
  return {
    marker: raw.marker ? resolveMarker(raw.marker) : null,
    markerEvery: raw.origin?.every ?? EVERY,
    origin: raw.origin ? { url: raw.origin.url } : null,
    heartbeat: raw.heartbeat ?? null,
    waitWhile: raw.wait_while ?? null,
    fileList: raw.file_list ?? null,
  };
}

function resolveMarker({ path = [], parser, field: key, meaning, url }: RawMarker): MarkerRule {
  return { paths: path, parser, field: key ?? (parser === 'key-date' ? 'date' : null), meaning, url: url ?? null };
}

/** Of several keys of a mirror together; `complain` is given a key and a sentence that goes on behind it. */
export function checkMarkers(
  { marker: rule, heartbeat, origin: upper }: RawMarkers,
  complain: (key: string, sentence: string) => void,
): void {
  if (upper && !rule) complain('origin', 'has a meaning only beside "marker", which is what is read there');
  else if (upper && rule && !rule.path?.length)
    complain('origin', 'needs the "path" of the marker, to be read below it');
  if (heartbeat !== undefined && (!rule || rule.meaning !== 'content'))
    complain('heartbeat', 'has a meaning only beside a marker of the content, which may end a run as unchanged');
}

function checkMarker(value: Partial<RawMarker>, context: z.RefinementCtx): void {
  const complain = (path: string, message: string): void => context.addIssue({ code: 'custom', message, path: [path] });
  const isFile = typeof value.url === 'string' && !value.url.endsWith('/');
  if (value.path === undefined && !isFile) complain('path', 'is missing');
  if (value.parser === 'json' && value.field === undefined)
    complain('field', 'is missing: name the member that holds the time, as meta.Producers.time');
  if (value.field !== undefined && value.parser !== 'json' && value.parser !== 'key-date')
    complain('field', 'has a meaning only for the parsers "json" and "key-date"');
}
