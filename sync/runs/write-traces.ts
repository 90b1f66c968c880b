import type { Dirent } from 'node:fs';
import { opendir, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { placeOwnFile, type OwnFile } from '../../content/own-files.js';
import { systemCode } from '../../core/errors.js';
import { LARGEST_MARKER } from '../../core/marker.js';
import type { TraceRule } from '../../core/mirror.js';
import { dateText, HIERARCHY, HIERARCHY_FOR_OTHERS, LIST, traceText } from '../../core/trace.js';
import type { Upstream } from '../../core/upstream.js';
import { packageVersion } from '../../platform/package-root.js';
import { fetchSmallFile } from './fetch-small-file.js';
import type { Staging } from './prepare.js';
import type { TreeRunContext } from './run-context.js';

/** Of a folder; none that is looked at has more, unless somebody means ill. */
const MOST_ENTRIES = 2_000;
const MOST_HOPS = 50;
/** Names of hosts, `master` among them: a line each, and not what is no name or no text. */
const TRACE_NAME = /^(?!_)[!-~]+$/;

/**
 * Writes what the mirror tells about itself into the tree that is about to be published, so that it is of the same
 * generation. rsync neither fetches nor deletes these files, and no list of changes has them.
 */
export async function writeTraces(context: TreeRunContext, upstream: Upstream, { root }: Staging): Promise<void> {
  const { mirror, log, clock } = context;
  if (!mirror.trace) return;
  const now = clock();
  const files = await filesOf(context, mirror.trace, { upstream, root, now });
  for (const file of files) if (!(await place(context, root, file))) return;
  if (mirror.trace.kind !== 'debian') return;
  // names itself as well, and is written when all others are there
  await place(context, root, { ...(await listOfTraces(root, mirror.trace.path)), modifiedAt: now });
  log.write(`Trace file ${mirror.trace.path}/${mirror.trace.host} written.`);
}

/** A file that holds the seconds since 1970. */
export function epochFile(path: string, now: number): OwnFile {
  return { path, content: Buffer.from(`${Math.floor(now / 1000)}\n`), modifiedAt: now };
}

async function place({ layout, mirror, log }: TreeRunContext, root: string, file: OwnFile): Promise<boolean> {
  const isPlaced = await placeOwnFile(root, file, join(layout.probe(mirror.name), 'own'));
  if (!isPlaced) log.write(`${file.path} cannot be written: the tree has something else in its place.`);
  return isPlaced;
}

async function filesOf(
  context: TreeRunContext,
  { kind, path, host }: TraceRule,
  at: { upstream: Upstream; root: string; now: number },
): Promise<OwnFile[]> {
  const { now } = at;
  if (kind === 'epoch') return [epochFile(path, now)];
  if (kind === 'date') return [textFile(`${path}/${host}`, `${dateText(now)}\n`, now)];
  const upstreamHost = at.upstream.host || 'unknown';
  const above = await hierarchyAbove(context, at.upstream, `${path}/${HIERARCHY_FOR_OTHERS}`);
  const hierarchy = `${above}${host} ${host} ${hostname()} ${upstreamHost}\n`;
  return [
    textFile(`${path}/${host}`, await debianTrace(context, path, at), now),
    textFile(`${path}/${HIERARCHY}`, hierarchy, now),
    textFile(`${path}/${HIERARCHY_FOR_OTHERS}`, hierarchy, now),
  ];
}

function textFile(path: string, text: string, modifiedAt: number): OwnFile {
  return { path, content: Buffer.from(text), modifiedAt };
}

async function debianTrace(
  { run, settings, store, tally, mirror }: TreeRunContext,
  path: string,
  { upstream, root, now }: { upstream: Upstream; root: string; now: number },
): Promise<string> {
  const stages = mirror.stages.map(({ name }) =>
    store.runs
      .stages(run.id)
      .filter((stage) => stage.name === name)
      .reduce((sum, { startedAt, endedAt }) => sum + ((endedAt ?? startedAt) - startedAt) / 1000, 0),
  );
  return traceText({
    finishedAt: now,
    startedAt: run.startedAt ?? now,
    serial: await serialOf(join(root, path, 'master')),
    creator: `Millpond ${packageVersion()}`,
    host: hostname(),
    maintainer: settings.site.contact,
    trigger: run.trigger === 'manual' ? 'manual' : 'cron',
    architectures: await architecturesOf(join(root, 'dists')),
    upstream: upstream.host || 'unknown',
    transport: upstream.kind === 'ssh' ? 'ssh' : 'plain',
    receivedBytes: tally.numbers.receivedBytes,
    stageSeconds: stages,
  });
}

/** The serial in the archive's own trace file; `unknown` where that names none, null where it is missing. */
async function serialOf(file: string): Promise<string | null> {
  const found = await stat(file).catch(unlessMissing);
  if (!found?.isFile() || found.size > LARGEST_MARKER) return null;
  return /^Archive serial:[ \t]*(\d{1,20})[ \t]*$/im.exec(await readFile(file, 'utf8'))?.[1] ?? 'unknown';
}

/** Architectures that suites below `dists` have indexes of: names of folders only, `dists/<suite>/<component>/binary-*`. */
async function architecturesOf(dists: string): Promise<string[]> {
  const found = new Set<string>();
  for (const suite of await foldersIn(dists))
    for (const component of await foldersIn(join(dists, suite)))
      for (const name of await foldersIn(join(dists, suite, component))) {
        const architecture = name === 'source' ? name : /^binary-([a-z0-9-]{1,40})$/.exec(name)?.[1];
        if (architecture !== undefined) found.add(architecture);
      }
  return [...found].sort();
}

/** Upstream's own hierarchy, each line one mirror; empty where it has none, or something else. */
async function hierarchyAbove(context: TreeRunContext, upstream: Upstream, path: string): Promise<string> {
  // what a person lets through is published as it was shown: nothing is asked of upstream
  const file = context.run.trigger === 'approval' ? null : await fetchSmallFile(context, upstream, path);
  const lines = (file?.content ?? Buffer.alloc(0)).toString('latin1').split('\n').slice(0, -1);
  const isGood = lines.length <= MOST_HOPS && lines.every((line) => /^[!-~]{1,255}(?: [!-~]{1,255}){0,5}$/.test(line));
  return isGood ? lines.map((line) => `${line}\n`).join('') : '';
}

/** Names of the trace files of the tree, the oldest first. */
async function listOfTraces(root: string, path: string): Promise<Omit<OwnFile, 'modifiedAt'>> {
  const folder = join(root, path);
  const names = (await entriesIn(folder)).filter((entry) => entry.isFile() && TRACE_NAME.test(entry.name));
  const files = await Promise.all(
    names.map(async ({ name }) => ({ name, time: (await stat(join(folder, name))).mtimeMs })),
  );
  files.sort((a, b) => a.time - b.time || (a.name < b.name ? -1 : 1));
  return { path: `${path}/${LIST}`, content: Buffer.from(files.map(({ name }) => `${name}\n`).join('')) };
}

async function foldersIn(folder: string): Promise<string[]> {
  return (await entriesIn(folder)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function entriesIn(folder: string): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  for await (const entry of (await opendir(folder).catch(unlessMissing)) ?? []) {
    entries.push(entry);
    if (entries.length === MOST_ENTRIES) break;
  }
  return entries;
}

function unlessMissing(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(error) ?? '')) return undefined;
  throw error;
}
