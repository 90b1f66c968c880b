import { keyringFile, keyringRemedy } from '../../config/keyrings.js';
import type { Settings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import type { TreeMirror } from '../../core/mirror.js';
import type { VerifierKind } from '../../core/verify.js';
import { runChild } from '../../platform/child.js';
import type { CheckResult } from './check-result.js';

interface NeededProgram {
  readonly program: string;
  readonly package: string;
}

const GPGV: NeededProgram = { program: 'gpgv', package: 'gpgv' };
const XZ: NeededProgram = { program: 'xz', package: 'xz-utils' };
const BZIP2: NeededProgram = { program: 'bzip2', package: 'bzip2' };
const ZSTD: NeededProgram = { program: 'zstd', package: 'zstd' };

/** Programs that kinds of verification start, and the Debian packages that have them. */
const PROGRAMS: Readonly<Record<Exclude<VerifierKind, 'tree'>, readonly NeededProgram[]>> = {
  apt: [GPGV, XZ, BZIP2],
  rpm: [GPGV, XZ, BZIP2, ZSTD],
  pacman: [GPGV, XZ, ZSTD],
  apk: [],
  checksums: [GPGV],
};

/** Whether each mirror whose trees are verified has the programs and the keyrings for that. */
export async function checkVerification({ mirrors }: Pick<Settings, 'mirrors'>): Promise<CheckResult[]> {
  const verified = [...mirrors.values()].filter(({ verify }) => verify.kinds.length > 0 && verify.mode !== 'off');
  const needed = new Map(
    verified.flatMap(({ verify }) =>
      verify.kinds.flatMap((kind) => PROGRAMS[kind].map((each) => [each.program, each])),
    ),
  );
  const programs = await Promise.all([...needed.values()].map(missingProgram));
  return [...programs.flatMap((result) => result ?? []), ...verified.flatMap(keyringResults)];
}

async function missingProgram({ program, ...at }: NeededProgram): Promise<CheckResult | null> {
  try {
    await runChild(program, ['--version']);
    return null;
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error;
    return {
      check: 'verification',
      ok: false,
      text: error.message,
      remedy: `Install it: apt-get install ${at.package}`,
    };
  }
}

function keyringResults({ name, verify }: TreeMirror): CheckResult[] {
  return verify.keyrings.map((keyring) => {
    const file = keyringFile(keyring);
    return file === null
      ? { check: name, ok: false, text: `the keyring "${keyring.name}" is not there`, remedy: keyringRemedy(keyring) }
      : { check: name, ok: true, text: `its upstream is verified with "${file}"`, remedy: '' };
  });
}
