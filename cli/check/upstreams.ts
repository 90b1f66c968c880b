import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { eachLimited } from '../../content/each-limited.js';
import { Layout } from '../../content/layout.js';
import { MillpondError } from '../../core/errors.js';
import type { FailureClass } from '../../core/failure.js';
import type { MarkerRule, TreeMirror } from '../../core/mirror.js';
import { utcMinute } from '../../core/sentence.js';
import { parseUpstream, type Upstream } from '../../core/upstream.js';
import { WebFiles } from '../../platform/web-files.js';
import { readDirectMarker } from '../../sync/markers/read-marker.js';
import { fetchArguments } from '../../sync/upstreams/rsync/arguments.js';
import { failureOf } from '../../sync/upstreams/rsync/exit-codes.js';
import { source } from '../../sync/upstreams/rsync/kind.js';
import { runRsync } from '../../sync/upstreams/rsync/rsync.js';
import type { UpstreamRequest } from '../../sync/upstreams/tree-upstream.js';
import type { CheckResult } from './check-result.js';

const AT_A_TIME = 4;
const DEFAULT_TIMEOUT_S = 15;

const REMEDIES: Readonly<Record<FailureClass, string>> = {
  connect: 'Check host and port, and that this machine may connect there (firewall).',
  dns: 'Check how the host is written, and the name servers of this machine.',
  tls: 'Check the certificate of the upstream, and the clock and the authorities of this machine.',
  refused: 'Check module, user and password, and ask the upstream whether it lets this machine in.',
  partial: 'Check the path of the upstream.',
  updating: 'Try again later.',
  checksum: 'Check the memory and the network of this machine; the upstream may have a bad disk.',
  timeout: 'Try again later; check the firewall if it stays so.',
  'disk-full': 'Free space on the file system of temporary files.',
  local: 'Check "ssh_key:" and "options:", and that rsync and ssh are installed here and there.',
  killed: 'Something on this machine ended rsync: look at the system log.',
};

/**
 * Asks each upstream of each mirror for its marker, or for the top of its tree where there is none, in the very way in
 * which a run asks; four at a time, `timeout` seconds each.
 */
export async function checkUpstreams(settings: Settings, timeout = DEFAULT_TIMEOUT_S): Promise<CheckResult[]> {
  const asked = [...settings.mirrors.values()].flatMap((mirror) => mirror.upstreams.map((text) => ({ mirror, text })));
  const results: CheckResult[] = [];
  const scratch = await mkdtemp(join(tmpdir(), 'millpond-check-'));
  try {
    await eachLimited(asked.entries(), AT_A_TIME, async ([index, { mirror, text }]) => {
      const folder = join(scratch, String(index));
      await mkdir(folder);
      results[index] = await checkUpstream(mirror, parseUpstream(text), { folder, data: settings.data, timeout });
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return results;
}

async function checkUpstream(
  mirror: TreeMirror,
  upstream: Upstream,
  { folder, data, timeout }: { folder: string; data: string; timeout: number },
): Promise<CheckResult> {
  const result = (ok: boolean, text: string, remedy = ''): CheckResult => {
    const where = upstream.kind === 'local' ? upstream.path : upstream.display;
    return { check: mirror.name, ok, text: `${where} ${text}`, remedy };
  };
  const request = {
    mirror: { ...mirror, stall: timeout },
    upstream,
    signal: new AbortController().signal,
    env: {},
    knownHosts: new Layout(data).knownHosts,
    onLine: () => undefined,
  };
  try {
    if (mirror.marker) return await checkMarker(mirror.marker, request, folder, result);
    const top = { path: '', target: `${folder}/top`, largest: 1 };
    const end = await runRsync(request, fetchArguments(request, top), { timeoutMs: timeout * 1000 });
    if (end.endedBecause !== null) return result(false, `did not answer: ${end.endedBecause}`, REMEDIES.timeout);
    if (end.code === 0) return result(true, 'answers');
    const { failure, message } = failureOf(end);
    return result(false, `does not work: ${message}`, REMEDIES[failure]);
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error; // a password that cannot be read
    return result(false, `cannot be asked: ${error.message}`, error.hint);
  }
}

async function checkMarker(
  rule: MarkerRule,
  request: UpstreamRequest,
  folder: string,
  result: (ok: boolean, text: string, remedy?: string) => CheckResult,
): Promise<CheckResult> {
  const web = new WebFiles();
  try {
    const read = await readDirectMarker(rule, request, { source, web, folder });
    if (!read.ok) return result(false, `does not work: ${read.message}`, REMEDIES[read.failure]);
    const remedy = 'Check "marker.path:" and "marker.url:"; it must be a file of at most 1 MiB.';
    if (read.marker === null) return result(false, `has no small file "${read.at}"`, remedy);
    const { time } = read.marker;
    if (time !== null) return result(true, `answers; its marker is of ${utcMinute(time)}`);
    if (rule.parser === 'text') return result(true, 'answers, and has its marker');
    return result(false, `has a marker in which no time is found as "${rule.parser}"`, 'Check "marker.parser:".');
  } finally {
    await web.close();
  }
}
