import { describe, expect, test } from 'vitest';
import { aptSources, withSuites } from '../../../server/help/apt-sources.js';

const STANZAS = `Types: deb
URIs: https://m.example/debian
Suites: trixie trixie-updates trixie-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://security.debian.org/debian-security
Suites: trixie-security
Components: main
`;
const LINES = `# comment
deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian/ trixie main contrib
deb-src https://m.example/debian/ trixie-backports main
deb https://m.example/cran/bin/linux/debian trixie-cran40/
`;

describe('aptSources', () => {
  test('reads stanzas and lines alike', () => {
    expect(aptSources('deb822', STANZAS)).toEqual([
      {
        uri: 'https://m.example/debian',
        suites: ['trixie', 'trixie-updates', 'trixie-backports'],
        components: ['main', 'contrib'],
      },
      { uri: 'https://security.debian.org/debian-security', suites: ['trixie-security'], components: ['main'] },
    ]);
    expect(aptSources('apt', LINES)).toEqual([
      { uri: 'https://m.example/debian/', suites: ['trixie'], components: ['main', 'contrib'] },
      { uri: 'https://m.example/debian/', suites: ['trixie-backports'], components: ['main'] },
      { uri: 'https://m.example/cran/bin/linux/debian', suites: ['trixie-cran40/'], components: [] },
    ]);
  });
});

describe('withSuites', () => {
  test('takes suites out, and sources that have none left', () => {
    const kept = withSuites('deb822', STANZAS, (_, suite) => !/backports|security/.test(suite));
    expect(kept).toContain('Suites: trixie trixie-updates\n');
    expect(kept).not.toContain('security.debian.org');
    expect(kept).toMatch(/keyring\.gpg\n$/);
    expect(withSuites('apt', LINES, (_, suite) => suite === 'trixie')).toBe(
      '# comment\ndeb [arch=amd64 signed-by=/k.gpg] https://m.example/debian/ trixie main contrib\n',
    );
  });

  test('leaves a list as it is when all of it is kept', () => {
    expect(withSuites('deb822', STANZAS, () => true)).toBe(STANZAS);
    expect(withSuites('apt', LINES, () => true)).toBe(LINES);
  });
});
