import type { Command } from 'commander';
import { loadSettings } from '../../config/load.js';
import type { Settings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import { checkCertificates } from '../check/certificates.js';
import type { CheckResult } from '../check/check-result.js';
import { checkDataFolder, checkDiskSpace, checkFileSystem, checkRsync } from '../check/machine.js';
import { checkPresets } from '../check/presets.js';
import { checkUpstreams } from '../check/upstreams.js';
import { checkVerification } from '../check/verification.js';
import type { CliContext } from '../context.js';
import { table } from '../table.js';

export function addCheck(program: Command, context: CliContext): void {
  program
    .command('check')
    .description(
      'check the configuration, rsync, the disk, certificates, and that each upstream answers; exit 1 on a problem',
    )
    .action(async () => {
      const results = await checkAll(context.configFile());
      const ok = results.every((result) => result.ok);
      context.exitCode = ok ? 0 : 1;
      await context.print({ ok, checks: results }, () => resultsText(results));
    });
}

async function checkAll(file: string): Promise<CheckResult[]> {
  const settings = readSettings(file);
  if (!('mirrors' in settings)) return [settings];
  const { size } = settings.mirrors;
  const configuration = { check: 'configuration', ok: true, remedy: '' };
  const rsync = await checkRsync();
  return [
    { ...configuration, text: `"${file}" can be used: ${size} ${size === 1 ? 'mirror' : 'mirrors'}` },
    rsync,
    await checkDataFolder(settings.data),
    await checkFileSystem(settings),
    await checkDiskSpace(settings),
    ...(await checkCertificates(settings, Date.now())),
    ...checkPresets(settings),
    ...(await checkVerification(settings)),
    // without rsync each of them would only say so again
    ...(rsync.ok ? await checkUpstreams(settings) : []),
  ];
}

function readSettings(file: string): Settings | CheckResult {
  try {
    return loadSettings(file);
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error;
    return { check: 'configuration', ok: false, text: error.message, remedy: error.hint };
  }
}

function resultsText(results: readonly CheckResult[]): string {
  const rows = results.map(({ check, ok, text }) => [ok ? 'ok' : 'problem', check, text.split('\n')[0] ?? '']);
  const lines = table(rows).split('\n');
  const indent = ' '.repeat('problem  '.length);
  return results
    .flatMap(({ text, remedy }, index) => [
      lines[index] ?? '',
      ...text.split('\n').slice(1),
      ...(remedy ? [`${indent}${remedy}`] : []),
    ])
    .join('\n');
}
