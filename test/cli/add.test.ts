import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { presetIds } from '../../config/presets.js';
import { loadSettings } from '../../config/load.js';
import { initTemplate } from '../../config/template.js';
import { runCli } from '../../cli/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { command } from './scene.js';

const BEFORE = `# who we are
site: { name: Ours }   # short
data: ./data

mirrors:
  # the first one
  first:
    upstream: '/srv/first/'
    every: 1h   # enough

zones:
  campus: { networks: ["192.0.2.0/24"] }
`;

/** A folder with a configuration of that text, and what `millpond add` with these words did there. */
async function add(words: readonly string[], text = BEFORE) {
  const cwd = await tempFolder();
  const file = join(cwd, 'millpond.yaml');
  await writeFile(file, text, { mode: 0o640 });
  const done = await command(['add', ...words], { cwd });
  return { ...done, file, after: await readFile(file, 'utf8') };
}

describe('millpond add', () => {
  it('writes the entry of the issue, and keeps all else as it was', async () => {
    const words = ['debian', '--arch', 'amd64,arm64', '--suites', 'bookworm,trixie', '--country', 'us', '--yes'];
    const { code, after, file, stderr } = await add(words);
    expect(stderr).toContain('Size of all of it: 4.5 TB (about 2022)');
    expect(code).toBe(0);
    expect(after).toBe(
      BEFORE.replace(
        '# enough\n',
        `# enough
  debian:
    preset: debian
    select: { arch: [ amd64, arm64 ], suites: [ bookworm, trixie ] }
    upstream: rsync://mirrors.lug.mtu.edu/debian/
`,
      ),
    );
    const debian = loadSettings(file).mirrors.get('debian');
    expect(debian?.selected).toEqual({ arch: ['amd64', 'arm64'], suites: ['bookworm', 'trixie'] });
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it('shows the policy, the size with its date and the free disk before anything is written', async () => {
    const { code, stderr, after } = await add(['rocky']);
    expect(code).toBe(1);
    expect(after).toBe(BEFORE);
    for (const words of [
      'Runs a day: recommended 6, at most 24',
      'Size of all of it: 2.0 TB (late 2022): All releases',
      'Not wanted: A private mirror that takes msync.rockylinux.org.',
      'Asked of a mirror: A connection of 1 Gbit/s.',
    ])
      expect(stderr).toContain(words);
    expect(stderr).toMatch(/Free on the disk: \d/);
    expect(stderr).toContain('error: nothing was written\nSay yes, or give --yes.');
  });

  it.each([
    ['apache', 'closed,private-only'],
    ['debian-security', 'discouraged'],
    ['epel', 'registration'],
  ])('wants %s to be confirmed, and writes what was: %s', async (id, what) => {
    const refused = await add([id, '--yes']);
    expect(refused.code).toBe(1);
    expect(refused.after).toBe(BEFORE);
    expect(refused.stderr).toContain(`give --accept ${what}`);
    const { code, after, file } = await add([id, '--yes', '--accept', what]);
    expect(code).toBe(0);
    expect((parse(after) as { mirrors: Record<string, unknown> }).mirrors[id]).toEqual({
      preset: id,
      confirmed: what.split(','),
    });
    expect(loadSettings(file).mirrors.get(id)?.confirmed).toEqual(what.split(','));
  });

  it.each<[string, string[], string]>([
    ['a preset that is not there', ['debain'], '"debain" is not the name of a preset; the nearest is "debian"'],
    ['an architecture that is none', ['alpine', '--arch', 'vax'], 'arch: "vax" cannot be chosen: allowed are aarch64'],
    ['a selection that is none', ['alpine', '--select', 'flavour=x'], 'no selection of this name: it has suites, arch'],
    ['a selection that is no word', ['alpine', '--suites', '../x', '--yes'], '"../x" is not a choice'],
    ['no source', ['debian', '--yes'], 'Debian has no single source that is open to all'],
    ['no source by country', ['alpine', '--country', 'us'], 'no source of Alpine Linux is known by country'],
    ['a country that is none', ['ubuntu', '--country', 'usa'], '"usa" is not a country code'],
    [
      'a source that is forbidden',
      ['freebsd', '--upstream', 'rsync://ftp.FreeBSD.org/FreeBSD/'],
      'ftp.FreeBSD.org cannot be the source',
    ],
    ['a source that is none', ['alpine', '--upstream', 'ftp://x/', '--yes'], '"ftp://x/" is of an unknown kind'],
    ['a name that is taken', ['alpine', '--name', 'first', '--yes'], 'there is a mirror "first" already'],
    ['a name that is none', ['alpine', '--name', 'status', '--yes'], '"status" is reserved for a page of Millpond'],
  ])('refuses %s, and writes nothing', async (_what, words, sentence) => {
    const { code, stderr, after } = await add(words);
    expect(code).toBe(1);
    expect(stderr).toContain(sentence);
    expect(after).toBe(BEFORE);
  });

  it('asks a person at a terminal, who types what is confirmed', async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, 'millpond.yaml'), BEFORE);
    const asked: string[] = [];
    const answering = (answers: string[]) => async (question: string) => {
      asked.push(question);
      return Promise.resolve(answers.shift() ?? '');
    };
    const io = (answers: string[]) => ({
      ...{ stdout: process.stderr, stderr: process.stderr, isTTY: true, cwd, env: {} },
      ask: answering(answers),
    });
    expect(await runCli(['add', 'debian-security'], io(['yes']))).toBe(1);
    expect(await runCli(['add', 'debian-security'], io(['discouraged', 'n']))).toBe(1);
    expect(await readFile(join(cwd, 'millpond.yaml'), 'utf8')).toBe(BEFORE);
    expect(await runCli(['add', 'debian-security'], io(['discouraged', 'y']))).toBe(0);
    expect(loadSettings(join(cwd, 'millpond.yaml')).mirrors.has('debian-security')).toBe(true);
    expect(asked[0]).toContain('type discouraged');
    expect(asked.at(-1)).toContain('[y/N]');
  });

  it('loses nothing that somebody else writes while it asks', async () => {
    const cwd = await tempFolder();
    const file = join(cwd, 'millpond.yaml');
    await writeFile(file, BEFORE);
    const ask = async (): Promise<string> => {
      await writeFile(file, `${BEFORE}# mine\n`);
      return 'y';
    };
    const io = { stdout: process.stderr, stderr: process.stderr, isTTY: true, cwd, env: {}, ask };
    expect(await runCli(['add', 'alpine'], io)).toBe(1);
    expect(await readFile(file, 'utf8')).toBe(`${BEFORE}# mine\n`);
  });

  it.each([
    ['the commented example', initTemplate()],
    ['a section without mirrors', 'data: ./data\nmirrors:\n'],
    ['an empty section', 'data: ./data\nmirrors: {}\n'],
    ['a file that does not end its last line', 'mirrors:\n    a: { upstream: /a, every: 1h }'],
    [
      'an entry that ends with a text of several lines',
      'mirrors:\n  a:\n    upstream: /a\n    every: 1h\n    description: |\n      x\n\n# end\n',
    ],
    ['an entry that is shared', 'mirrors:\n  a: &a { upstream: /a, every: 1h }\n  b: { <<: *a, title: B }\n\n# end\n'],
    ['no section of mirrors', 'data: ./data\n'],
  ])('adds to %s without losing a line', async (_what, text) => {
    const { code, after, file } = await add(['alpine', '--yes'], text);
    expect(code).toBe(0);
    expect(loadSettings(file).mirrors.get('alpine')?.preset).toBe('alpine');
    const lines = new Set(after.split('\n'));
    expect(text.split('\n').filter((line) => !lines.has(line) && line !== 'mirrors: {}')).toEqual([]);
  });

  it('says when the file cannot be written, and leaves it as it was', async () => {
    const cwd = await tempFolder();
    const file = join(cwd, 'millpond.yaml');
    await writeFile(file, BEFORE);
    await mkdir(join(cwd, 'millpond.yaml.new', 'full'), { recursive: true });
    const { code, stderr } = await command(['add', 'alpine', '--yes'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`error: the configuration "${file}" cannot be written: `);
    expect(await readFile(file, 'utf8')).toBe(BEFORE);
  });

  it('tells of keys that have to be there before anything is published', async () => {
    const { code, stderr } = await add(['raspbian', '--yes']);
    expect(code).toBe(0);
    expect(stderr).toContain(
      'verified with the keyring "raspbian-archive-keyring.gpg", which is not here. Get it from the',
    );
  });

  it('comes after the comments that are about the entry before, and before all others', async () => {
    const about = '    # sources: [https://x/]\n\n    # read: [campus]\n';
    const text = `mirrors:\n  a:\n    upstream: /a\n    every: 1h\n${about}\n# zones:\n#   campus: {}\n`;
    const { after } = await add(['alpine', '--yes'], text);
    expect(after).toBe(text.replace(about, `${about}  alpine:\n    preset: alpine\n`));
    const last = await add(['alpine', '--yes'], `mirrors:\n  a:\n    upstream: /a\n    every: 1h\n    # end`);
    expect(last.after.endsWith('    # end\n  alpine:\n    preset: alpine\n')).toBe(true);
  });

  it('follows a link to the file that it stands for', async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, 'real.yaml'), BEFORE);
    await symlink('real.yaml', join(cwd, 'millpond.yaml'));
    expect((await command(['add', 'alpine', '--yes'], { cwd })).code).toBe(0);
    expect(loadSettings(join(cwd, 'real.yaml')).mirrors.has('alpine')).toBe(true);
  });
});

describe('millpond presets', () => {
  it('lists all in a table', async () => {
    const { code, stdout } = await command(['presets'], { cwd: await tempFolder() });
    expect(code).toBe(0);
    const [head, ...rows] = stdout.trim().split('\n');
    expect(head).toMatch(/^PRESET +STATUS +SIZE \(AS OF\) +RUNS A DAY +NAME$/);
    expect(rows.map((row) => row.split(' ')[0])).toEqual(presetIds());
    expect(rows.find((row) => row.startsWith('archlinux '))).toMatch(
      /open +64\.0 GB \(2017 or before\) +unknown +Arch Linux$/,
    );
  });

  it('tells all about one, each with where it comes from, and as JSON', async () => {
    const cwd = await tempFolder();
    const { stdout } = await command(['presets', 'debian'], { cwd });
    expect(stdout).toContain('status: open  [official: https://www.debian.org/mirror/ftpmirror]');
    expect(stdout).toContain('runs a day, at most: unknown  [unknown: ');
    expect(stdout).toContain('size: 4.5 TB (about 2022): All architectures; told at second hand  [practice: ');
    expect(stdout).toContain('ftp.us.debian.org: It stands for several machines');
    const json = await command(['presets', 'debian', '--json'], { cwd });
    expect(JSON.parse(json.stdout)).toMatchObject({ id: 'debian', status: 'open', policy: { max_per_day: 'unknown' } });
  });
});
