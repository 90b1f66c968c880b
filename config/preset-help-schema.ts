import * as z from 'zod';
import * as field from './fields.js';
import * as problem from './preset-problems.js';

/** Parts of a preset that are for people who use the mirror: how to set up a client, and what can be downloaded. */

const input = field
  .section({
    label: field.text({ description: 'What is chosen, for people.', examples: ['Release'] }),
    options: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'Values that may be chosen, each with words for people.' }),
    switch: field
      .section({
        on: z.string().meta({ description: 'Text in place of the input when it is on.' }),
        off: z.string().meta({ description: 'Text in place of the input when it is off.' }),
      })
      .optional()
      .meta({ description: 'Instead of options: something that is on or off.' }),
    default: field.text({ description: 'What is chosen at first: a value, or on or off.' }),
  })
  .superRefine(
    (value, context) => {
      const sentence = problem.input(value);
      if (sentence !== undefined) context.addIssue({ code: 'custom', message: sentence });
    },
    { when: ({ value }) => field.isSection(value) },
  );

/** One block to copy. `{{endpoint}}` and `{{rsync}}` have no slash at their ends. */
export const helpBlock = field
  .section({
    id: field.text({ description: 'Short name in addresses.', examples: ['deb822'] }, problem.word),
    title: field.text({ description: 'Name of the block for people.' }),
    file: field
      .text({ description: 'Where it is written on the client; without it, these are commands.' }, field.pathProblem)
      .optional(),
    lang: field.text({ description: 'Kind of its text.', examples: ['deb822', 'ini', 'sh'] }, problem.word),
    mode: z
      .enum(['write', 'append', 'prepend', 'edit', 'run'])
      .prefault('write')
      .meta({
        description:
          'What is done with it. write: it is the whole file. append, prepend: it joins the file. edit: it tells what to ' +
          'change by hand. run: commands for a shell.',
      }),
    inputs: z
      .record(z.string(), input)
      .prefault({})
      .meta({ description: 'What the reader chooses, by the name that stands in {{ }}.' }),
    body: field.text(
      {
        description:
          'The text. {{endpoint}} is the address of the mirror, {{rsync}} that over rsync, {{name}} an input.',
      },
      problem.block,
    ),
    then: field
      .text({ description: 'Command that puts it into effect.', examples: ['apt-get update'] }, problem.block)
      .optional(),
    undo: field.text({ description: 'Commands that take it back.' }, problem.block).optional(),
    note: field.text({ description: 'What the reader must know beside it.' }, problem.prose).optional(),
  })
  .superRefine(
    (value, context) => {
      const sentence = problem.variables(value);
      if (sentence !== undefined) context.addIssue({ code: 'custom', message: sentence, path: ['body'] });
    },
    { when: ({ value }) => field.isSection(value) },
  );

/** A rule that finds files which people download to install something. */
export const download = field.section({
  product: field.text({ description: 'What is installed.', examples: ['Debian'] }),
  files: field.text(
    { description: 'Glob over paths below the root of the tree: "*" within a part, "**" any parts.' },
    problem.glob,
  ),
  match: field.text(
    {
      description: 'Regular expression over the path, with groups named version, arch and kind.',
      examples: ['/(?<version>[0-9.]+)/(?<arch>[a-z0-9]+)/'],
    },
    problem.expression,
  ),
  kinds: z
    .record(z.string(), z.string())
    .prefault({})
    .meta({ description: 'Words for people in place of what the group "kind" has found.' }),
  checksums: field
    .text({ description: 'Name of a file beside them that holds their checksums.', examples: ['SHA256SUMS'] })
    .optional(),
});

export type HelpBlock = z.output<typeof helpBlock>;
export type HelpInput = z.output<typeof input>;
export type Download = z.output<typeof download>;
