import { hostname } from 'node:os';
import * as z from 'zod';
import type { TraceRule } from '../core/mirror.js';
import * as field from './fields.js';
import * as problem from './mirror-problems.js';

/** What a mirror writes into its own tree after a run that went well. */
export const trace = field
  .section({
    kind: z.enum(['debian', 'date', 'epoch']).meta({
      description:
        'debian: a trace file as ftpsync writes it, with _traces and _hierarchy. date: a file with the date, named ' +
        'after this host. epoch: a file with the seconds since 1970.',
    }),
    path: field
      .text(
        {
          description: 'Of debian and date the folder (default: project/trace), of epoch the file (default: lastsync).',
          examples: ['project/trace'],
        },
        problem.markerPath,
      )
      .optional(),
    host: field
      .text(
        { description: 'Name of this mirror. Default: the host of site.url, else the name of this machine.' },
        problem.hostName,
      )
      .optional(),
  })
  .meta({ description: 'What this mirror writes about itself into the tree that it publishes.' });

const PATHS: Readonly<Record<TraceRule['kind'], string>> = {
  debian: 'project/trace',
  date: 'project/trace',
  epoch: 'lastsync',
};

/** `siteUrl` is the public address of this server, or undefined. */
export function resolveTrace(raw: z.output<typeof trace> | undefined, siteUrl: string | undefined): TraceRule | null {
  if (!raw) return null;
  const host = raw.host ?? (siteUrl === undefined ? hostname() : new URL(siteUrl).hostname);
  // an IPv6 address has brackets there, which rsync would take for a pattern
  const name = host.replace(/[^a-z0-9.-]+/gi, '');
  return { kind: raw.kind, path: raw.path ?? PATHS[raw.kind], host: name };
}
