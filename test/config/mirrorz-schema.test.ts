import { describe, expect, test } from 'vitest';
import { parse, problems } from './parsing.js';

describe('site.mirrorz', () => {
  test('is nothing unless it is written, and needs the short name alone', () => {
    expect(parse('site: { name: X }').site.mirrorz).toBeNull();
    expect(parse('site: { mirrorz: { abbr: EXAMPLE } }').site.mirrorz).toEqual({
      ...{ abbr: 'EXAMPLE', logo: null, logoDark: null, homepage: null, issues: null, requests: null },
      ...{ group: null, note: null, big: null, families: ['v4'], names: new Map() },
    });
  });

  test('reads every key', () => {
    const { mirrorz } = parse(`
site:
  mirrorz:
    abbr: EXAMPLE
    logo: https://mirror.example.edu/logo.svg
    logo_dark: https://mirror.example.edu/dark.svg
    homepage: https://example.edu
    issues: https://example.edu/issues
    requests: https://example.edu/requests
    group: "#mirror"
    note: two connections a client
    big: /speed/1000mb.bin
    families: [v6, v4, v6]
    names: { arch: archlinux }
`).site;
    expect(mirrorz).toEqual({
      ...{
        abbr: 'EXAMPLE',
        logo: 'https://mirror.example.edu/logo.svg',
        logoDark: 'https://mirror.example.edu/dark.svg',
      },
      ...{ homepage: 'https://example.edu/', issues: 'https://example.edu/issues' },
      ...{ requests: 'https://example.edu/requests', group: '#mirror', note: 'two connections a client' },
      ...{ big: '/speed/1000mb.bin', families: ['v6', 'v4'], names: new Map([['arch', 'archlinux']]) },
    });
  });

  test.each([
    ['{}', 'abbr'],
    ['{ abbr: "A B" }', '"A B" is no short name'],
    ['{ abbr: A, logo: "javascript:alert(1)" }', 'is not an address'],
    ['{ abbr: A, issues: "https://me:pw@example.edu/" }', 'is not an address'],
    ['{ abbr: A, big: "//elsewhere/x" }', 'is no path on this server'],
    ['{ abbr: A, families: [] }', 'families'],
    ['{ abbr: A, families: [ipv6] }', 'families'],
    ['{ abbr: A, names: { arch: "" } }', '"" is empty'],
    ['{ abbr: A, logo_darkmode: x }', 'did you mean "logo_dark"'],
  ])('refuses %s with a sentence', (written, sentence) => {
    expect(problems(() => parse(`site: { mirrorz: ${written} }`)).join('\n')).toContain(sentence);
  });
});
