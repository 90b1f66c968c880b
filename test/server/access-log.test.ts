import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AccessEntry } from '../../server/access-line.js';
import { AccessLog } from '../../server/access-log.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const ENTRY: AccessEntry = {
  ...{ at: Date.UTC(2026, 10, 3), address: '192.0.2.77', zone: 'campus', family: 'v4', protocol: 'http' },
  ...{
    method: 'GET',
    target: '/debian/a',
    version: '1.1',
    status: 200,
    bytes: 1,
    referer: undefined,
    agent: undefined,
  },
};

async function openLog(most?: number) {
  const folder = await tempFolder();
  const told = { error: vi.fn(), info: vi.fn() };
  const log = new AccessLog({ log: told, ...(most === undefined ? {} : { most }) });
  onTestFinished(() => log.stop());
  const settings = (file: string) =>
    ({ file: join(folder, file), format: 'combined', addresses: 'truncated' }) as const;
  return { folder, log, told, settings };
}

function targetsIn(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/GET (\S+) /g)].map(([, target]) => target ?? '');
}

describe('AccessLog', () => {
  it('writes nothing until it is told where', async () => {
    const { log, folder, settings } = await openLog();
    log.add(ENTRY);
    log.apply(settings('access.log'));
    log.add({ ...ENTRY, target: '/b' });
    await log.stop();
    expect(targetsIn(join(folder, 'access.log'))).toEqual(['/b']);
    expect(statSync(join(folder, 'access.log')).mode & 0o777).toBe(0o640);
  });

  it('writes each line once, in order, to the file that had the name when it came', async () => {
    const { log, folder, settings } = await openLog();
    const file = join(folder, 'access.log');
    log.apply(settings('access.log'));
    const numbers = Array.from({ length: 3000 }, (_, n) => `/${n}`);
    for (const target of numbers.slice(0, 2000)) log.add({ ...ENTRY, target });
    renameSync(file, `${file}.1`);
    log.reopen();
    for (const target of numbers.slice(2000)) log.add({ ...ENTRY, target });
    await log.stop();
    expect([targetsIn(`${file}.1`), targetsIn(file)]).toEqual([numbers.slice(0, 2000), numbers.slice(2000)]);
  });

  it('goes on with the old file where the new one cannot be opened, and says so', async () => {
    const { log, folder, settings, told } = await openLog();
    mkdirSync(join(folder, 'logs'));
    log.apply(settings('logs/access.log'));
    renameSync(join(folder, 'logs'), join(folder, 'moved'));
    log.reopen();
    log.add(ENTRY);
    await log.stop();
    expect(told.error).toHaveBeenCalledTimes(1);
    expect(String(told.error.mock.calls[0]?.[1])).toContain('cannot be written: its folder does not exist');
    expect(targetsIn(join(folder, 'moved/access.log'))).toEqual(['/debian/a']);
  });

  it('tells once that the disk is full, goes on, and tells how many lines were lost', async () => {
    const { log, folder, settings, told } = await openLog();
    const full = { ...settings('access.log'), file: '/dev/full' };
    for (let n = 0; n < 3; n++) {
      log.apply(full);
      log.add(ENTRY);
    }
    log.apply(settings('access.log'));
    log.add({ ...ENTRY, target: '/after' });
    await log.stop();
    expect(told.error.mock.calls).toEqual([[{}, expect.stringContaining('ENOSPC')]]);
    expect(told.info.mock.calls).toEqual([[{ lines: 3 }, expect.stringContaining('lines were lost')]]);
    expect(log.dropped).toBe(3);
    expect(targetsIn(join(folder, 'access.log'))).toEqual(['/after']);
  });

  it('refuses what is no file, without waiting for its reader', async () => {
    const { log, folder, settings } = await openLog();
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    expect(existsSync(join(folder, 'pipe'))).toBe(true);
    const refused = (file: string, reason: string): void =>
      expect(() => log.apply(settings(file))).toThrow(
        `the access log "${join(folder, file)}" cannot be written: ${reason}`,
      );
    refused('pipe', 'it is no file');
    refused('.', 'it is a folder');
    refused('gone/access.log', 'its folder does not exist');
    expect(log.isOn).toBe(false);
  });

  it('drops lines that the disk does not take in time, within its bound, and counts them', async () => {
    const { log, folder, settings, told } = await openLog(5000);
    log.apply(settings('access.log'));
    for (let n = 0; n < 200; n++) log.add({ ...ENTRY, target: `/${n}` }); // no turn of the loop between them
    await log.stop();
    const written = targetsIn(join(folder, 'access.log')).length;
    expect(written).toBeGreaterThan(10);
    expect(written + log.dropped).toBe(200);
    expect(told.error).toHaveBeenCalledTimes(1);
    expect(told.info).toHaveBeenCalledWith({ lines: log.dropped }, expect.stringContaining('lines were lost'));
  });
});
