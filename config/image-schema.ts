import * as z from 'zod';
import * as field from './fields.js';
import * as problem from './image-problems.js';
import { tagPatternProblem } from './tag-pattern.js';
import * as target from './target-schema.js';

const patterns = 'Patterns: "*" any characters, "?" one, "[0-9]", "{a,b}", or a regular expression /.../.';

const tagForms = field.mustBe('a list of tags, or a section of "include", "semver", "latest" and others');

const selection = field
  .section({
    include: field
      .textList(
        { description: `Tags that are always taken. ${patterns}`, examples: [['stable*', '/1[0-9]-slim/']] },
        tagPatternProblem,
      )
      .prefault([]),
    exclude: field
      .textList(
        {
          description: 'Tags that are never taken, whatever else chooses them. Patterns.',
          examples: [['*-backports*']],
        },
        tagPatternProblem,
      )
      .prefault([]),
    semver: field
      .text(
        {
          description: 'Versions that are taken, as npm writes ranges. A tag with a suffix (12-slim) is no version.',
          examples: ['>=11', '^1.2 || ^2'],
        },
        problem.semverRange,
      )
      .optional(),
    latest: field
      .whole(1, 10_000, { description: 'Only so many of the newest versions, of those within "semver" or of all.' })
      .optional(),
    latest_of: z
      .enum(['all', 'minor'])
      .optional()
      .meta({ description: 'all (the default): the newest in all. minor: the newest of each minor version.' }),
    pulled_within: field
      .duration('1h', '3650d', {
        description: 'Also every tag that a client has pulled here within so long.',
        examples: ['30d'],
      })
      .optional(),
  })
  .superRefine(checkSelection, { when: ({ value }) => field.isSection(value) });

const tag = z.string({ error: ({ input }) => problem.tagText(input) }).superRefine(field.complain(tagPatternProblem));

const tags = z.union([tag, z.array(tag).min(1), selection], {
  error: ({ input }) => problem.tagText(input) ?? (input === undefined ? problem.NO_TAGS : tagForms({ input })),
});

/** One repository of images as it is written. Only `from`, `tags`, and `schedule` or `every`, must be given. */
const image = field
  .section({
    from: field.text(
      { description: 'The repository upstream, with its registry before it.', examples: ['docker.io/library/debian'] },
      problem.sourceName,
    ),
    as: field
      .text({ description: 'Its name here. Default: as in "from".', examples: ['base/debian'] }, problem.ownName)
      .optional(),
    ...target.words,
    tags: tags.meta({
      description: 'Which tags are mirrored: a list of tags or patterns, or rules that choose them.',
      examples: [['12', 'stable*'], { semver: '>=11', latest: 3 }],
    }),
    platforms: field
      .textList(
        { description: 'Platforms that are fetched. Default: all.', examples: [['linux/amd64', 'linux/arm/v7']] },
        problem.platform,
      )
      .prefault([]),
    referrers: z
      .boolean()
      .prefault(true)
      .meta({ description: 'Whether signatures, attestations and whatever else refers to an image come along.' }),
    ...target.rhythm,
    ...target.endurance,
  })
  .superRefine(checkTogether, { when: ({ value }) => field.isSection(value) });

export type RawImage = z.output<typeof image>;

export const images = z.array(image);

function checkTogether(value: Partial<RawImage>, context: z.RefinementCtx): void {
  target.checkRhythm(value, (key, message) => context.addIssue({ code: 'custom', message, path: [key] }));
}

function checkSelection(value: Partial<z.output<typeof selection>>, context: z.RefinementCtx): void {
  const complain = (message: string, path: string[] = []): void => context.addIssue({ code: 'custom', message, path });
  const { include = [], semver, latest, latest_of, pulled_within } = value;
  const chooses = [semver, latest, pulled_within].some((each) => each !== undefined);
  if (include.length === 0 && !chooses) complain(problem.EMPTY_SELECTION);
  if (latest_of !== undefined && latest === undefined) complain('has a meaning only with "latest"', ['latest_of']);
}
