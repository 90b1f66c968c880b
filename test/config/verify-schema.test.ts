import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { keyringFile, keyringNamed, keyringRemedy, missingKeyrings } from '../../config/keyrings.js';
import { NO_VERIFY_RULE } from '../../core/verify.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { mirror, parse, problems } from './parsing.js';

const MIRROR = ['upstream: h::m', 'schedule: manual'];

describe('verify', () => {
  test('reads every key; keyrings are looked for in the folder of the operator first', () => {
    const { verify } = mirror(
      ...MIRROR,
      'verify: { kind: [tree, apt, apt], mode: warn, keyrings: d/a.gpg, hashes: full }',
    );
    const folders = ['/etc/example/keyrings', '/usr/share/keyrings', '/usr/share/distribution-gpg-keys'];
    expect(verify).toEqual({
      ...{ kinds: ['apt'], mode: 'warn', hashes: 'full' },
      keyrings: [
        {
          name: 'd/a.gpg',
          candidates: [...folders, '/usr/share/pacman/keyrings'].map((folder) => `${folder}/d/a.gpg`),
        },
      ],
    });
  });

  test('is the tree alone without it, enforced, with hashes by chance', () => {
    expect(mirror(...MIRROR).verify).toEqual(NO_VERIFY_RULE);
    expect(mirror(...MIRROR, 'verify: { kind: tree }').verify).toEqual(NO_VERIFY_RULE);
  });

  test('takes the folder of keyrings from the top of the file', () => {
    const lines = 'mirrors: { m: { upstream: "h::m", schedule: manual, verify: { kind: apt, keyrings: a.gpg } } }';
    const read = parse(`keyrings: /srv/keys\n${lines}`).mirrors.get('m');
    expect(read?.verify.keyrings[0]?.candidates[0]).toBe('/srv/keys/a.gpg');
  });

  test.each([
    [
      '{ kind: deb }',
      /kind: "deb" is not allowed here: it must be tree, apt, rpm, pacman, apk, checksums, or a list of these/,
    ],
    ['{ mode: warn }', /kind: is missing/],
    ['{ kind: apt }', /keyrings: is missing: "apt" is verified with the keys of its upstream/],
    [
      '{ kind: apt, keyrings: ../a.gpg }',
      /"..\/a.gpg" is not the name of a keyring: write that of a file in "keyrings:"/,
    ],
    ['{ kind: apt, keyrings: /a.gpg }', /"\/a.gpg" is not the name of a keyring/],
    ['{ kind: apt, keyrings: a.gpg, hashes: some }', /hashes: "some" is not allowed: it must be "sampled" or "full"/],
  ])('refuses %s', (text, sentence) => {
    expect(problems(() => mirror(...MIRROR, `verify: ${text}`)).join('\n')).toMatch(sentence);
  });

  test('needs keyrings for apt alone, and takes the names of keys of apk', () => {
    for (const kind of ['rpm', 'pacman', 'apk', 'checksums'])
      expect(mirror(...MIRROR, `verify: { kind: ${kind} }`).verify).toMatchObject({ kinds: [kind], keyrings: [] });
    const name = 'alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub';
    const { verify } = mirror(...MIRROR, `verify: { kind: apk, keyrings: "${name}" }`);
    expect(verify.keyrings.map((keyring) => keyring.name)).toEqual([name]);
  });

  test('needs no keyrings where nothing is looked at', () => {
    expect(mirror(...MIRROR, 'verify: { kind: apt, mode: off }').verify.keyrings).toEqual([]);
  });
});

describe('a keyring', () => {
  test('is the first of its files that is there; one that is missing is told with its package', async () => {
    const own = await tempFolder();
    const keyring = keyringNamed('none-such-keyring.gpg', own);
    const rule = { ...NO_VERIFY_RULE, kinds: ['apt' as const], keyrings: [keyring] };
    expect(keyringFile(keyring)).toBeNull();
    expect(missingKeyrings({ verify: rule })).toEqual([keyring]);
    expect(missingKeyrings({ verify: { ...rule, mode: 'off' } })).toEqual([]);
    expect(keyringRemedy(keyring)).toBe(`Get it from the upstream and put it at "${own}/none-such-keyring.gpg".`);
    writeFileSync(join(own, 'none-such-keyring.gpg'), '');
    expect(keyringFile(keyring)).toBe(join(own, 'none-such-keyring.gpg'));
    expect(missingKeyrings({ verify: rule })).toEqual([]);
    expect(keyringRemedy(keyringNamed('debian-archive-keyring.gpg', '/k'))).toBe(
      'Install it (apt-get install debian-archive-keyring), or put it at "/k/debian-archive-keyring.gpg".',
    );
  });
});
