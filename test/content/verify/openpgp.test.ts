import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifySignature } from '../../../content/verify/openpgp.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const TEXT = [
  '-----BEGIN PGP SIGNED MESSAGE-----',
  'Hash: SHA256',
  '',
  'text',
  '-----BEGIN PGP SIGNATURE-----',
  '',
  '-----END PGP SIGNATURE-----',
  '',
].join('\n');

/** What gpgv is given of bytes that shall hold their signature; null when it is not asked. */
async function given(bytes: string): Promise<string | null> {
  const folder = await tempFolder();
  const [bin, seen] = [join(folder, 'bin'), join(folder, 'seen')];
  mkdirSync(bin);
  const script = `#!/bin/sh\nfor last; do :; done\n/bin/cat "$last" > "${seen}"\nexec /usr/bin/gpgv "$@"\n`;
  writeFileSync(join(bin, 'gpgv'), script, { mode: 0o755 });
  const { problem } = await verifySignature(Buffer.from(bytes, 'latin1'), null, {
    ...{ keyrings: [], work: join(folder, 'work'), env: { PATH: bin } },
    signal: new AbortController().signal,
  });
  expect(problem).toBe(existsSync(seen) ? 'holds no signature' : 'holds no signed text');
  return existsSync(seen) ? readFileSync(seen, 'latin1') : null;
}

// it would write out all that such a message unpacks to
test('no message that is not signed as text is unpacked, nor one in front of the text', async () => {
  expect(await given(TEXT)).toBe(TEXT);
  expect(await given(`-----BEGIN PGP MESSAGE-----\n\nowE=\n-----END PGP MESSAGE-----\n${TEXT}`)).toBe(TEXT);
  expect(await given(`\xa3\x01\n${TEXT}`)).toBe(TEXT);
  expect(await given('\xa3\x01')).toBeNull();
  expect(await given('-----BEGIN PGP MESSAGE-----\n\nowE=\n-----END PGP MESSAGE-----\n')).toBeNull();
});
