import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkVerification } from '../../cli/check/verification.js';
import { keyringNamed } from '../../config/keyrings.js';
import { NO_VERIFY_RULE, type VerifyRule } from '../../core/verify.js';
import { testMirror } from '../fixtures/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';

it('tells of each keyring that is needed whether it is there, and what to do', async () => {
  const own = await tempFolder();
  writeFileSync(join(own, 'there.gpg'), '');
  const apt: VerifyRule = { ...NO_VERIFY_RULE, kinds: ['apt'], keyrings: [keyringNamed('there.gpg', own)] };
  const missing = [keyringNamed('debian-archive-none.gpg', own)];
  const mirrors = [
    ['good', apt],
    ['bad', { ...apt, keyrings: missing }],
    ['off', { ...apt, keyrings: missing, mode: 'off' as const }],
    ['plain', NO_VERIFY_RULE],
  ] as const;
  const results = await checkVerification({
    mirrors: new Map(mirrors.map(([name, verify]) => [name, testMirror({ name, upstreams: ['h::m'], verify })])),
  });
  expect(results).toEqual([
    { check: 'good', ok: true, text: `its upstream is verified with "${own}/there.gpg"`, remedy: '' },
    {
      ...{ check: 'bad', ok: false, text: 'the keyring "debian-archive-none.gpg" is not there' },
      remedy: `Install it (apt-get install debian-archive-keyring), or put it at "${own}/debian-archive-none.gpg".`,
    },
  ]);
});
