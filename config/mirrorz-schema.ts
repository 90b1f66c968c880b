import * as z from 'zod';
import * as field from './fields.js';

const address = (description: string, example: string) =>
  field
    .parsed('an address: write it as https://example.org/page', webAddress, { description, examples: [example] })
    .optional();

/** What MirrorZ (https://mirrorz.org) shows of this server beside its mirrors. */
export const mirrorz = field
  .section({
    abbr: field.text(
      { description: 'The short name under which MirrorZ knows this server.', examples: ['EXAMPLE'] },
      abbreviationProblem,
    ),
    logo: address('Logo, not of the format ico, at least 64 pixels wide.', 'https://mirror.example.edu/logo.svg'),
    logo_dark: address('The same for dark pages.', 'https://mirror.example.edu/logo-dark.svg'),
    homepage: address('Page of those who run this server.', 'https://example.edu/mirror'),
    issues: address('Where trouble is told.', 'https://example.edu/mirror/issues'),
    requests: address('Where new mirrors are asked for.', 'https://example.edu/mirror/requests'),
    group: field.text({ description: 'Where its people talk.', examples: ['#mirror on irc.oftc.net'] }).optional(),
    note: field.text({ description: 'What users should know.', examples: ['2 connections a client'] }).optional(),
    big: field
      .text(
        { description: 'Path of a large file for tests of speed.', examples: ['/speedtest/1000mb.bin'] },
        pathProblem,
      )
      .optional(),
    families: z
      .array(z.enum(['v4', 'v6']), { error: field.mustBe('a list of v4 and v6') })
      .min(1)
      .prefault(['v4'])
      .meta({ description: 'Families of addresses by which this server is reached.' }),
    names: z
      .record(z.string(), z.string().superRefine(field.complain(field.lineProblem)))
      .prefault({})
      .meta({ description: 'The names by which MirrorZ knows mirrors that have another one here.' }),
  })
  .optional()
  .meta({ description: 'Told in /mirrorz.json, which is there with this section only.' });

export type RawMirrorz = NonNullable<z.output<typeof mirrorz>>;

function webAddress(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  return /^https?:$/.test(url.protocol) && !url.username && !url.password ? url.href : undefined;
}

function abbreviationProblem(value: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,32}$/.test(value)
    ? undefined
    : `${field.quote(value)} is no short name: 1 to 32 letters, digits, ".", "_" and "-"`;
}

function pathProblem(value: string): string | undefined {
  return /^\/[^\s/]\S{0,500}$/.test(value)
    ? undefined
    : `${field.quote(value)} is no path on this server: write it as /debian/ls-lR.gz`;
}
