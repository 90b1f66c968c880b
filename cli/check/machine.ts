import { link, mkdtemp, rename, rm, rmdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Settings } from '../../config/settings.js';
import { Layout } from '../../content/layout.js';
import { MillpondError, messageOf, systemCode } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { runChild } from '../../platform/child.js';
import { diskSpace } from '../../platform/disk-space.js';
import type { CheckResult } from './check-result.js';

const OLDEST_RSYNC = [3, 1] as const;
const VERSION_TIMEOUT_MS = 10_000;

/** Whether there is an rsync that can do what a run needs. `program` is looked for on PATH. */
export async function checkRsync(program = 'rsync'): Promise<CheckResult> {
  const remedy = `Install rsync ${OLDEST_RSYNC.join('.')} or newer: apt-get install rsync`;
  try {
    const { stdout } = await runChild(program, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
    const [, version = '', major = '0', minor = '0'] =
      /version v?((\d+)\.(\d+)\S*)/.exec(stdout.toString('utf8')) ?? [];
    const [oldestMajor, oldestMinor] = OLDEST_RSYNC;
    const isNew = Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
    if (isNew) return { check: 'rsync', ok: true, text: `version ${version}`, remedy: '' };
    const text = version ? `version ${version} is too old` : `"${program} --version" names no version`;
    return { check: 'rsync', ok: false, text, remedy };
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error;
    return { check: 'rsync', ok: false, text: error.message, remedy };
  }
}

/** Whether the data folder can be written, and can do what publishing needs: hard links, symlinks, renames. */
export async function checkDataFolder(data: string): Promise<CheckResult> {
  const check = 'data folder';
  const existing = await nearestExisting(data);
  try {
    if (!(await stat(existing)).isDirectory())
      return { check, ok: false, text: `"${existing}" is not a folder`, remedy: 'Choose another "data:".' };
    if (existing === data) {
      await tryOut(data);
      return { check, ok: true, text: `"${data}" can be written`, remedy: '' };
    }
    await rmdir(await mkdtemp(join(existing, '.millpond-check-')));
    return { check, ok: true, text: `"${data}" does not exist yet and can be created`, remedy: '' };
  } catch (error) {
    return { check, ok: false, text: `"${data}" cannot be used: ${messageOf(error)}`, remedy: dataFolderRemedy(error) };
  }
}

/** Whether each mirror lies on one file system: its two slots share files by hard links, which cannot cross. */
export async function checkFileSystem({ data, mirrors }: Settings): Promise<CheckResult> {
  const layout = new Layout(data);
  const check = 'file system';
  for (const name of mirrors.keys()) {
    const home = await deviceOf(layout.mirror(name));
    const parts = [layout.slotsFolder(name), layout.slot(name, 'a'), layout.slot(name, 'b'), layout.partial(name)];
    for (const part of parts) {
      const device = await deviceOf(part);
      if (home === null || device === null || device === home) continue;
      const text = `"${part}" is on another file system than the rest of ${name}, and hard links cannot cross`;
      return { check, ok: false, text, remedy: `Mount the disk at "${layout.mirror(name)}" or above it.` };
    }
  }
  return { check, ok: true, text: 'each mirror is on one file system', remedy: '' };
}

/** Whether more is free than the reserve that no run may touch. */
export async function checkDiskSpace({ data, sync }: Settings): Promise<CheckResult> {
  const { total, free } = await diskSpace(await nearestExisting(data));
  const reserve = 'share' in sync.reserve ? sync.reserve.share * total : sync.reserve.bytes;
  const ok = free > reserve;
  return {
    check: 'disk space',
    ok,
    text: `${formatBytes(free)} of ${formatBytes(total)} are free; ${formatBytes(reserve)} are kept in reserve`,
    remedy: ok ? '' : 'No run would start: free space, or lower "sync.reserve:".',
  };
}

async function tryOut(data: string): Promise<void> {
  const folder = await mkdtemp(join(data, '.check-'));
  try {
    await writeFile(join(folder, 'file'), 'x');
    await link(join(folder, 'file'), join(folder, 'link'));
    await symlink('file', join(folder, 'live.new'));
    await rename(join(folder, 'live.new'), join(folder, 'live'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function dataFolderRemedy(error: unknown): string {
  switch (systemCode(error)) {
    case 'EACCES':
      return 'Give it to the user that runs Millpond (chown), and run this check as that user.';
    case 'EROFS':
      return 'The file system is mounted read-only: mount it for writing, or choose another "data:".';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full: free space or inodes.';
    case undefined:
    default:
      return 'It must be on a file system with hard links and symlinks (ext4, XFS, Btrfs, ZFS ...).';
  }
}

/** The folder itself, or the nearest above it that exists. */
export async function nearestExisting(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const isMissing = await stat(folder).then(
      () => false,
      (error: unknown) => systemCode(error) === 'ENOENT',
    );
    if (!isMissing) return folder;
  }
}

async function deviceOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ dev }) => dev,
    () => null,
  );
}
