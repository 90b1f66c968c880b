import type { Stage, TreeMirror } from '../../../core/mirror.js';
import { ownFilesOf } from '../../../core/trace.js';
import type { Upstream } from '../../../core/upstream.js';
import { CHANGE_FORMAT } from '../../../content/change-list.js';
import { PARTIAL_FOLDER } from '../../../content/partial-files.js';
import type { FetchRequest, PullRequest, UpstreamRequest } from '../tree-upstream.js';

const CONNECT_TIMEOUT_S = 60;
/** A whole list takes about 100 bytes a file on both sides (rsync(1), --inc-recursive). */
const MOST_FILES_IN_A_WHOLE_LIST = 2_000_000;

/** The argument vector of one pull. Nothing in it goes through a shell, and no secret is in it. */
export function pullArguments(request: PullRequest): string[] {
  const { mirror, stage, upstream, destination, temporary, inPlace, bandwidth, filesFrom } = request;
  return [
    // no owners, devices or specials; permissions are normalised, since slots share inodes
    ...(filesFrom === null ? ['--recursive'] : [`--files-from=${filesFrom}`, '--from0', '--no-recursive']),
    ...(request.again ? ['--checksum'] : []),
    ...['--links', '--times', '--perms', '--chmod=D755,F644', '--hard-links', '--safe-links'],
    '--modify-window=-1', // nanoseconds: a file of the same size may be replaced within one second
    ...(inPlace ? ['--delay-updates', `--temp-dir=${temporary}`] : [`--partial-dir=${PARTIAL_FOLDER}`]),
    ...(request.onlyCount ? ['--dry-run'] : []),
    ...(stage.delete && filesFrom === null ? [inPlace ? '--delete-delay' : '--delete-during'] : []),
    // a tenth faster, with a true percentage, and hard links are all found before anything is fetched
    ...(request.knownFiles !== null && request.knownFiles <= MOST_FILES_IN_A_WHOLE_LIST ? ['--no-inc-recursive'] : []),
    ...['--info=progress2,symsafe', '--stats', '--no-human-readable', '--outbuf=L'],
    ...[`--log-file=${request.changes}`, `--log-file-format=${CHANGE_FORMAT}`],
    ...(bandwidth === null ? [] : [`--bwlimit=${Math.max(1, Math.floor(bandwidth / 1024))}`]),
    ...connectionOptions(request),
    ...filters(mirror, stage),
    ...stage.options,
    '--',
    upstream.rsync,
    `${destination}/`,
  ];
}

/** The argument vector that fetches one file of at most `largest` bytes and calls it `target`. */
export function fetchArguments(
  request: UpstreamRequest,
  { path, target, largest }: Pick<FetchRequest, 'path' | 'target' | 'largest'>,
): string[] {
  return [
    // markers are links on some upstreams; the sender resolves them
    ...['--copy-links', '--times', '--perms', '--chmod=F644', `--max-size=${largest}`, '--no-motd'],
    ...connectionOptions(request),
    '--',
    `${request.upstream.rsync}${path}`,
    target,
  ];
}

/** The argument vector that lists files directly in a folder, with their sizes and times (rsync(1), --list-only). */
export function listArguments(request: UpstreamRequest, folder: string, patterns: readonly string[]): string[] {
  return [
    ...['--list-only', '--dirs', '--copy-links', '--no-human-readable', '--no-motd'],
    ...connectionOptions(request),
    ...patterns.map((pattern) => `--filter=+ /${pattern}`),
    '--filter=- /*',
    '--',
    `${request.upstream.rsync}${folder}`,
  ];
}

/** What is given to rsync on stdin, where `--password-file=-` reads it. */
export function passwordOption(upstream: Upstream, password: string | null): string[] {
  return password !== null && upstream.kind === 'daemon' ? ['--password-file=-'] : [];
}

function connectionOptions({ mirror, upstream, knownHosts }: UpstreamRequest): string[] {
  const timeout = `--timeout=${mirror.stall}`;
  if (upstream.kind === 'daemon') return [timeout, `--contimeout=${Math.min(CONNECT_TIMEOUT_S, mirror.stall)}`];
  if (upstream.kind === 'local') return [];
  return [timeout, `--rsh=${sshCommand(mirror, knownHosts)}`];
}

/** rsync splits this at blanks itself, honouring quotes; a doubled quote is one (rsync(1), --rsh); no shell sees it. */
function sshCommand(mirror: TreeMirror, knownHosts: string): string {
  const words = ['ssh', '-oBatchMode=yes', '-oStrictHostKeyChecking=accept-new'];
  // ssh takes blanks for the end of a name unless it is quoted, and "%" for a token (ssh_config(5))
  words.push(`-oUserKnownHostsFile="${knownHosts.replaceAll('%', '%%')}"`);
  words.push(`-oConnectTimeout=${Math.min(CONNECT_TIMEOUT_S, mirror.stall)}`, '-oServerAliveInterval=30');
  if (mirror.sshPort !== null) words.push(`-p${mirror.sshPort}`);
  if (mirror.sshKey !== null) words.push('-oIdentitiesOnly=yes', `-i${mirror.sshKey.replaceAll('%', '%%')}`);
  return words.map((word) => (/[\s'"]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word)).join(' ');
}

/**
 * What the mirror never wants is hidden from the transfer, so that it is removed here as well, unless it is protected;
 * what a stage leaves out is excluded, so that the stage neither fetches nor deletes it. Leftovers of upstream's own transfers never come.
 */
export function filters(mirror: TreeMirror, stage: Stage): string[] {
  return [
    `--filter=H ${PARTIAL_FOLDER}`,
    ...mirror.protect.map((pattern) => `--filter=P ${pattern}`),
    ...ownFileFilters(mirror),
    ...mirror.exclude.map((pattern) => `--filter=H ${pattern}`),
    ...mirror.selection.map(({ show, pattern }) => `--filter=${show ? 'S' : 'H'} ${pattern}`),
    ...stage.include.map((pattern) => `--filter=+ ${pattern}`),
    ...stage.exclude.map((pattern) => `--filter=- ${pattern}`),
  ];
}

/** What the mirror puts into the tree itself neither comes from upstream nor goes because upstream lacks it. */
function ownFileFilters({ trace, fileList }: TreeMirror): string[] {
  const files = [...(trace ? ownFilesOf(trace) : []), ...(fileList === null ? [] : [fileList])];
  return files.map((file) => `--filter=- /${file}`);
}
