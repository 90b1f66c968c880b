import { keyringFile, keyringRemedy } from '../../config/keyrings.js';
import type { Settings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import type { TreeMirror } from '../../core/mirror.js';
import type { VerifierKind } from '../../core/verify.js';
import { runChild } from '../../platform/child.js';
import type { CheckResult } from './check-result.js';

/** Programs that kinds of verification start, and the Debian packages that have them. */
const PROGRAMS: Readonly<Record<Exclude<VerifierKind, 'tree'>, readonly { program: string; package: string }[]>> = {
  apt: [
    { program: 'gpgv', package: 'gpgv' },
    { program: 'xz', package: 'xz-utils' },
    { program: 'bzip2', package: 'bzip2' },
  ],
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

async function missingProgram({ program, ...at }: { program: string; package: string }): Promise<CheckResult | null> {
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
