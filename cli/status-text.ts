import type { Run } from '../core/run.js';
import { utcMinute } from '../core/sentence.js';
import { formatBytes, formatCount, formatFiles, formatDuration } from '../core/units.js';
import { phaseWords } from '../core/verdict-words.js';
import type { ProgramStatus } from '../server/control.js';
import type { ImageStatus } from '../server/image-status.js';
import { summaryOf, type MirrorStatus } from '../server/mirror-status.js';
import { progressText } from './run-display.js';
import { table } from './table.js';

/** What `millpond status` prints: a line a mirror, then a sentence for each that needs attention, worst first. */
export function programText({ version, pid, mirrors, images }: ProgramStatus): string {
  const all = [...mirrors, ...images];
  const head = `Millpond ${version} is running (process ${pid}): ${summaryOf(all).text}`;
  if (all.length === 0) return head;
  const sentences = all
    .filter(({ verdict }) => verdict.attention !== null)
    .sort((a, b) => (a.verdict.attention ?? 0) - (b.verdict.attention ?? 0))
    .map(({ name, verdict }) => `${verdict.shape} ${name}: ${verdict.sentence}`);
  return [
    head,
    ...(mirrors.length > 0 ? ['', treeTable(mirrors)] : []),
    ...(images.length > 0 ? ['', imageTable(images)] : []),
    ...(sentences.length > 0 ? ['', ...sentences] : []),
  ].join('\n');
}

function treeTable(mirrors: readonly MirrorStatus[]): string {
  const rows = mirrors.map((mirror) => [
    `${mirror.verdict.shape} ${mirror.name}`,
    mirror.verdict.label,
    mirror.published ? utcMinute(mirror.published.confirmedAt) : '-',
    mirror.published ? formatBytes(mirror.published.bytes) : '-',
    mirror.nextDueAt === null ? '-' : utcMinute(mirror.nextDueAt),
  ]);
  return table([['MIRROR', 'STATE', 'IN STEP', 'SIZE', 'NEXT RUN'], ...rows]);
}

function imageTable(images: readonly ImageStatus[]): string {
  const rows = images.map((image) => [
    `${image.verdict.shape} ${image.name}`,
    image.verdict.label,
    image.confirmedAt === null ? '-' : utcMinute(image.confirmedAt),
    formatCount(image.tags),
    image.nextDueAt === null ? '-' : utcMinute(image.nextDueAt),
  ]);
  return table([['IMAGES', 'STATE', 'IN STEP', 'TAGS', 'NEXT RUN'], ...rows]);
}

/** What `millpond status MIRROR` prints. */
export function mirrorText(mirror: MirrorStatus | ImageStatus): string {
  const { verdict } = mirror;
  const own = 'selection' in mirror ? imageFacts(mirror) : [...publishedFacts(mirror), ...upstreamFacts(mirror)];
  const facts = [...own, ...runFacts(mirror)];
  return [
    `${verdict.shape} ${mirror.name}: ${verdict.label}`,
    verdict.sentence,
    verdict.next.text,
    '',
    table(facts.map(([name, text]) => [name && `${name}:`, text])),
  ]
    .filter((line, index) => line !== '' || index === 3)
    .join('\n');
}

/** The numbers of an ended run in a few words. */
export function runNumbersText({ numbers, startedAt, endedAt }: Run): string {
  const { transferredFiles, receivedBytes, deletedFiles } = numbers;
  const lasted = startedAt !== null && endedAt !== null ? ` in ${formatDuration((endedAt - startedAt) / 1000)}` : '';
  const deleted = deletedFiles > 0 ? `, ${formatCount(deletedFiles)} deleted` : '';
  return `${formatFiles(transferredFiles)} transferred${deleted}, ${formatBytes(receivedBytes)} received${lasted}`;
}

type Fact = readonly [name: string, text: string];

function publishedFacts({ published, publish }: MirrorStatus): Fact[] {
  const how = publish === 'in-place' ? ' (in place: readers see a sync while it happens)' : '';
  if (!published) return [['Published', `not yet${how}`]];
  const { id, files, bytes, publishedAt, confirmedAt } = published;
  return [
    ['Published', `generation ${id} at ${utcMinute(publishedAt)}: ${formatFiles(files)}, ${formatBytes(bytes)}${how}`],
    ['In step', utcMinute(confirmedAt)],
  ];
}

function upstreamFacts({ upstreams, schedule, nextDueAt, marker, upstreamMarker }: MirrorStatus): Fact[] {
  const facts: Fact[] = [['Upstream', upstreams.join(', then ')]];
  if (marker !== null && upstreamMarker?.time) facts.push(['Marker', `${marker} of ${utcMinute(upstreamMarker.time)}`]);
  facts.push(['Schedule', schedule]);
  if (nextDueAt !== null) facts.push(['Next run', utcMinute(nextDueAt)]);
  return facts;
}

function imageFacts({ upstream, selection, platforms, tags, confirmedAt, schedule, nextDueAt }: ImageStatus): Fact[] {
  const facts: Fact[] = [
    ['Tags', `${formatCount(tags)} of ${upstream}: ${selection}`],
    ['Platforms', platforms.length > 0 ? platforms.join(', ') : 'all'],
  ];
  if (confirmedAt !== null) facts.push(['In step', utcMinute(confirmedAt)]);
  facts.push(['Schedule', schedule]);
  if (nextDueAt !== null) facts.push(['Next run', utcMinute(nextDueAt)]);
  return facts;
}

function runFacts({ running, progress, queued, place, lastRun, paused }: MirrorStatus | ImageStatus): Fact[] {
  const facts: Fact[] = [];
  if (paused) facts.push(['Paused', `since ${utcMinute(paused.at)}: ${paused.reason}`]);
  if (running)
    facts.push(['Running', `run ${running.id}: ${progress ? progressText(progress) : phaseWords(running.phase)}`]);
  if (queued) facts.push(['Waiting', `run ${queued.id}${place === null ? '' : `, place ${place} in the queue`}`]);
  if (lastRun) {
    const ended = lastRun.endedAt === null ? '' : ` at ${utcMinute(lastRun.endedAt)}`;
    facts.push(['Last run', `run ${lastRun.id}: ${lastRun.outcome ?? 'unknown'}${ended}; ${runNumbersText(lastRun)}`]);
    if (lastRun.message) facts.push(['', lastRun.message]);
  }
  return facts;
}
