import type { ChildEnd } from '../../../platform/child.js';
import type { PullRequest, PullResult } from '../tree-upstream.js';
import { pullArguments } from './arguments.js';
import { failureOf, isMissing, VANISHED } from './exit-codes.js';
import { addStatistic, isStatistic, lineSplitter, NO_PROGRESS, NO_PULL_NUMBERS, parseProgress } from './output.js';
import { runRsync } from './rsync.js';

/** Runs one stage: fills the destination from the upstream with one rsync. */
export async function pull(request: PullRequest): Promise<PullResult> {
  let numbers = NO_PULL_NUMBERS;
  let progress = NO_PROGRESS;
  const splitLines = lineSplitter((line) => {
    const next = parseProgress(line, progress);
    progress = next ?? progress;
    if (next) return;
    numbers = addStatistic(line, numbers);
    if (!isStatistic(line)) request.onLine(line);
  });
  const onStdout = (chunk: Buffer): void => {
    const before = progress;
    splitLines(chunk);
    if (progress !== before) request.onProgress(progress); // small files overtake each other a hundred times a chunk
  };
  const end = await runRsync(request, pullArguments(request), {
    onStdout,
    onStderr: lineSplitter(request.onLine),
    onActivity: request.onActivity,
  });
  if (end.code === 0 || end.code === VANISHED || (end.code !== null && request.again === true && isMissing(end)))
    return { ok: true, exitCode: end.code, vanished: end.code === VANISHED, numbers };
  // one that was ended early prints no statistics
  if (!numbers.transferredFiles)
    numbers = { ...numbers, transferredFiles: progress.files, transferredBytes: progress.bytes };
  return { ok: false, ...whyEnded(end), exitCode: end.code, numbers };
}

function whyEnded(end: ChildEnd): ReturnType<typeof failureOf> {
  if (end.endedBecause === null) return failureOf(end);
  return { failure: 'timeout', message: `The pull was ended: ${end.endedBecause}.` };
}
