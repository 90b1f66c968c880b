import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startProgram, type Program } from '../fixtures/program.js';
import { startDaemon } from '../fixtures/rsync-daemon.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../fixtures/tree.js';

const run = promisify(execFile);
const SECRET = 'never to be seen from outside';
/** 2026-01-02T03:04:05Z, seconds. */
const FILE_TIME = Date.UTC(2026, 0, 2, 3, 4, 5) / 1000;

interface Site {
  /** For what clients fetch. */
  readonly folder: string;
  readonly up: string;
  readonly program: Program;
  /** URL of the mirror, with a slash at its end. */
  readonly url: string;
}

/** A real upstream with what `fill` writes, mirrored and served by the real program. */
async function site(fill: (up: string) => void): Promise<Site> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  mkdirSync(up);
  fill(up);
  const daemon = await startDaemon({ modules: { pond: up } });
  onTestFinished(() => daemon.stop());
  const mirrors = { pond: { upstream: daemon.url('pond'), schedule: 'manual' } };
  const program = await startProgram(join(folder, 'millpond'), mirrors);
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  return { folder, up, program, url: `${program.url}/pond/` };
}

async function curl(...args: string[]): Promise<Buffer> {
  const { stdout } = await run('curl', ['-q', '-sS', '--noproxy', '*', ...args], { encoding: 'buffer' });
  return stdout;
}

/** Status, header fields (names in lower case) and body of what curl gets. */
async function response(...args: string[]): Promise<{ status: number; fields: Record<string, string>; body: Buffer }> {
  const all = await curl('-i', ...args);
  const end = all.indexOf('\r\n\r\n');
  const [first = '', ...lines] = all.toString('latin1', 0, end).split('\r\n');
  const fields = lines.map((line): [string, string] => {
    const [, name = '', value = ''] = /^([^:]*): *(.*)$/.exec(line) ?? [];
    return [name.toLowerCase(), value];
  });
  return { status: Number(first.split(' ')[1]), fields: Object.fromEntries(fields), body: all.subarray(end + 4) };
}

test('wget -r fetches a whole tree through the listings, whatever its files are called', async () => {
  const names = [
    'a file with blanks/and more of them.txt',
    'percent/100%/50%.bin', // wget itself would take "%41" for "A"
    'umlaut/naïve-日本語.deb',
    `quotes/"double"/it's.txt`,
    'plus/c++/g++_1:12.2+b~1_all.deb',
    'query?/a=b&c;d/e#f.txt',
    'markup/<b>bold<\\b>&amp;.html',
    'colon:first/x:y',
    '-dash/--option',
    '.treeinfo',
    'empty',
  ];
  const { folder, up, url } = await site((root) => {
    for (const name of names) writeTree(root, { [name]: name === 'empty' ? '' : randomBytes(3_000) });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/latin1-caf`), Buffer.from([0xe9])]), 'not UTF-8');
    writeTree(root, { 'large/image.iso': randomBytes(5_000_000) });
    for (let i = 0; i < 600; i++) writeTree(root, { [`many/${i}`]: `${i}` });
  });
  const fetched = join(folder, 'fetched');
  // names as they are in any locale, and without the pages of the listings themselves
  const keep = ['--restrict-file-names=nocontrol', '--no-iri', '--local-encoding=UTF-8', '-R', 'index.html*'];
  const wget = ['--no-config', '--no-proxy', '-q', '-r', '-np', '-nH', '--cut-dirs=1', ...keep, '-P', fetched, url];
  await run('wget', wget);
  expect(snapshot(fetched)).toEqual(snapshot(up));
});

test('curl gets one range, several, the rest of a broken download, and a refusal of what is not there', async () => {
  const content = randomBytes(3_000_000);
  const { folder, url } = await site((up) => writeTree(up, { 'image.iso': content }));
  const image = `${url}image.iso`;
  expect(await curl('-f', '-r', '1000-1999', image)).toEqual(content.subarray(1_000, 2_000));
  expect(await curl('-f', '-r', '-500', image)).toEqual(content.subarray(-500));
  expect(await curl('-f', '-r', '2999000-', image)).toEqual(content.subarray(2_999_000));

  const several = await response('-r', '0-99,500000-500049,-10', image);
  expect(several.status).toBe(206);
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(several.fields['content-type'] ?? '')?.[1] ?? 'none';
  expect(Number(several.fields['content-length'])).toBe(several.body.length);
  expect(partsOf(several.body, boundary)).toEqual([
    ['bytes 0-99/3000000', content.subarray(0, 100)],
    ['bytes 500000-500049/3000000', content.subarray(500_000, 500_050)],
    ['bytes 2999990-2999999/3000000', content.subarray(-10)],
  ]);

  const target = join(folder, 'image.iso');
  writeFileSync(target, content.subarray(0, 1_234_567));
  const resumed = await curl('-f', '-C', '-', '-o', target, '-w', '%{http_code} %{size_download}', image);
  expect(resumed.toString()).toBe(`206 ${3_000_000 - 1_234_567}`);
  expect(readFileSync(target).equals(content)).toBe(true);

  const beyond = await response('-r', '3000000-', image);
  expect([beyond.status, beyond.fields['content-range']]).toEqual([416, 'bytes */3000000']);
});

/** The range and the bytes of each part of a multipart body (RFC 9110 section 14.6). */
function partsOf(body: Buffer, boundary: string): [string, Buffer][] {
  const parts = body.toString('latin1').split(`--${boundary}`);
  expect([parts[0]?.trim(), parts.at(-1)?.trim()]).toEqual(['', '--']);
  return parts.slice(1, -1).map((part) => {
    const [, fields = '', bytes = ''] = /^\r\n(.*?)\r\n\r\n(.*)\r\n$/s.exec(part) ?? [];
    return [/^content-range: (.*)$/im.exec(fields)?.[1] ?? '', Buffer.from(bytes, 'latin1')];
  });
}

test('a client asks again and gets only what has changed', async () => {
  const { folder, up, program, url } = await site((root) => {
    writeTree(root, { 'pool/a.deb': 'first content' });
    utimesSync(join(root, 'pool/a.deb'), FILE_TIME, FILE_TIME);
  });
  const copy = join(folder, 'a.deb');
  const ifNewer = ['-f', '-R', '-z', copy, '-o', copy, '-w', '%{http_code}', `${url}pool/a.deb`];
  expect((await curl('-f', '-R', '-o', copy, '-w', '%{http_code}', `${url}pool/a.deb`)).toString()).toBe('200');
  expect(statSync(copy).mtimeMs).toBe(FILE_TIME * 1000);
  expect((await curl(...ifNewer)).toString()).toBe('304');

  const whole = await response(`${url}pool/a.deb`);
  const same = await response('-H', `If-None-Match: ${whole.fields['etag']}`, `${url}pool/a.deb`);
  expect([same.status, same.body.length, same.fields['etag']]).toEqual([304, 0, whole.fields['etag']]);
  const fresh = await response('-r', '6-', '-H', `If-Range: ${whole.fields['etag']}`, `${url}pool/a.deb`);
  expect([fresh.status, fresh.body.toString()]).toEqual([206, 'content']);
  const headers = await response('-I', `${url}pool/a.deb`);
  expect(headers.body.length).toBe(0);
  expect({ ...headers.fields, date: '' }).toEqual({ ...whole.fields, date: '' });

  writeTree(up, { 'pool/a.deb': 'other content, and longer' });
  expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
  const changed = await response('-H', `If-None-Match: ${whole.fields['etag']}`, `${url}pool/a.deb`);
  expect([changed.status, changed.body.toString()]).toEqual([200, 'other content, and longer']);
  const stale = await response('-r', '6-', '-H', `If-Range: ${whole.fields['etag']}`, `${url}pool/a.deb`);
  expect([stale.status, stale.body.toString()]).toEqual([200, 'other content, and longer']);
  expect((await curl(...ifNewer)).toString()).toBe('200');
  expect(readFileSync(copy, 'utf8')).toBe('other content, and longer');
});

test('wget goes on where a download stopped, and with -N fetches again what is another file, newer or older', async () => {
  const content = randomBytes(2_000_000);
  const { folder, up, program, url } = await site((root) => {
    writeTree(root, { 'image.iso': content, index: 'first' });
    utimesSync(join(root, 'index'), FILE_TIME, FILE_TIME);
  });
  const target = join(folder, 'fetched');
  mkdirSync(target);
  const wget = async (...args: string[]): Promise<string> =>
    (await run('wget', ['--no-config', '--no-proxy', '-nv', '-S', '-P', target, ...args])).stderr;
  writeFileSync(join(target, 'image.iso'), content.subarray(0, 700_000));
  expect(await wget('-c', `${url}image.iso`)).toMatch(/ 206 .*Content-Range: bytes 700000-1999999\/2000000/s);
  expect(readFileSync(join(target, 'image.iso')).equals(content)).toBe(true);
  expect(await wget('-c', `${url}image.iso`)).toContain(' 416 '); // whole already: no failure

  expect(await wget('-N', `${url}index`)).toContain(' 200 ');
  expect(await wget('-N', `${url}index`)).toContain(' 304 ');
  for (const [text, time] of [
    ['newer', FILE_TIME + 3600],
    ['taken back', FILE_TIME - 3600],
  ] as const) {
    writeTree(up, { index: text });
    utimesSync(join(up, 'index'), time, time);
    expect(await program.sync('pond')).toMatchObject({ outcome: 'updated' });
    expect(await wget('-N', `${url}index`)).toContain(' 200 ');
    expect(readFileSync(join(target, 'index'), 'utf8')).toBe(text);
    expect(statSync(join(target, 'index')).mtimeMs).toBe(time * 1000);
  }
});

test('aria2c over 8 connections, curl with many at a time, and Python get the same bytes', async () => {
  const content = randomBytes(12_000_000);
  const small = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`small/${index}.gz`, randomBytes(5_000)]));
  const { folder, up, url } = await site((root) => writeTree(root, { 'image.iso': content, ...small }));
  const target = join(folder, 'fetched');
  const aria2 = ['--no-conf', '--quiet', '-x8', '-s8', '-k1M', '--file-allocation=none', '-d', target];
  await run('aria2c', [...aria2, `${url}image.iso`]);
  expect(readFileSync(join(target, 'image.iso')).equals(content)).toBe(true);

  const many = ['--compressed', '--parallel', '--parallel-max', '20', '--create-dirs', '-o', `${target}/small/#1.gz`];
  await curl('-f', ...many, `${url}small/[0-39].gz`);
  expect(snapshot(join(target, 'small'))).toEqual(snapshot(join(up, 'small')));

  const { stdout } = await run(PYTHON, ['-c', PYTHON_CLIENT, url]);
  const digest = createHash('sha256').update(content).digest('hex');
  expect(stdout).toBe(`${digest}\n${'5000 '.repeat(40)}\n304\n`);
});

/** That of Debian, which the tests of torrents need as well. */
const PYTHON = '/usr/bin/python3';
/** One file by itself, 40 on one connection, and one of them again with its tag. */
const PYTHON_CLIENT = `
import hashlib, http.client, sys, urllib.parse, urllib.request
url = sys.argv[1]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(hashlib.sha256(opener.open(url + 'image.iso').read()).hexdigest())
parts = urllib.parse.urlsplit(url)
connection = http.client.HTTPConnection(parts.netloc)
for index in range(40):
    connection.request('GET', f'{parts.path}small/{index}.gz')
    answer = connection.getresponse()
    print(len(answer.read()), end=' ')
print()
connection.request('GET', f'{parts.path}small/39.gz', headers={'If-None-Match': answer.getheader('ETag')})
print(connection.getresponse().status)
`;

test('a listing is data for programs that ask for it', async () => {
  const { url } = await site((up) => {
    writeTree(up, { 'pool/b c.txt': '12345', 'pool/sub/x': '' });
    utimesSync(join(up, 'pool/b c.txt'), FILE_TIME, FILE_TIME);
  });
  const json = await response('-H', 'Accept: application/json', `${url}pool/`);
  expect([json.status, json.fields['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
  expect(JSON.parse(json.body.toString())).toEqual([
    { name: 'sub', type: 'directory', mtime: expect.any(String) as string },
    { name: 'b c.txt', type: 'file', mtime: 'Fri, 02 Jan 2026 03:04:05 GMT', size: 5 },
  ]);
  expect(await curl('-f', `${url}pool/?format=json`)).toEqual(json.body);
  const text = await response('-H', 'Accept: text/plain', `${url}pool/`);
  expect(text.fields['content-type']).toBe('text/plain; charset=utf-8');
  expect(text.body.toString()).toMatch(new RegExp(`^sub/\t-\t\\d+\nb c\\.txt\t5\t${FILE_TIME}\n$`));
  const page = await response(`${url}pool/`);
  expect([page.fields['content-type'], page.fields['vary']]).toEqual(['text/html; charset=utf-8', 'Accept']);
  const moved = await response(`${url}pool`);
  expect([moved.status, moved.fields['location']]).toEqual([301, '/pond/pool/']);
});

test('no path leads out of the tree', async () => {
  const { folder, program, url } = await site((up) => {
    writeTree(up, { 'deep/er/file': 'inside', 'back\\slash': 'an ordinary name', '%2e%2e': 'a name as well' });
    symlinkSync('deep/er/file', join(up, 'inward'));
    symlinkSync('../../secret', join(up, 'outward'));
  });
  const live = join(program.data, 'mirrors/pond/live');
  // in every folder above the tree, and behind links that somebody has put into it by hand
  for (const above of ['mirrors/pond/slots', 'mirrors/pond', 'mirrors', '.', '..'])
    writeFileSync(join(program.data, above, 'secret'), SECRET);
  symlinkSync(join(folder, 'millpond'), join(live, 'planted'));
  symlinkSync('../../../secret', join(live, 'deep/planted'));

  const dots = ['..', '%2e%2e', '.%2E', '%252e%252e', '..%00', '..;', '%c0%ae%c0%ae'];
  const climbs = dots.flatMap((dot) => ['/', '//', '/./', '%2f', '%252f', '\\', '%5c'].map((slash) => dot + slash));
  const paths = climbs.flatMap((climb) => [1, 2, 3, 4, 5].map((depth) => `${climb.repeat(depth)}secret`));
  const planted = ['outward', 'planted/secret', 'planted/', 'planted', 'deep/planted', 'secret%00', '%00/secret'];
  const asked = [...paths, ...paths.map((path) => `deep/er/${path}`), ...planted];
  const answers = await fetchAsIs(
    asked.map((path) => url + path),
    folder,
  );
  expect(answers.length).toBe(asked.length);
  for (const { status, redirect, body, asked } of answers) {
    expect(body.toString('latin1'), asked).not.toContain(SECRET);
    if (status === 301) expect(redirect.startsWith(url), `${asked} leads to ${redirect}`).toBe(true);
    else expect([400, 404], asked).toContain(status);
  }

  expect((await curl('-f', `${url}back%5cslash`)).toString()).toBe('an ordinary name');
  expect((await curl('-f', `${url}%252e%252e`)).toString()).toBe('a name as well');
  expect((await curl('-f', `${url}inward`)).toString()).toBe('inside');
  const listed = JSON.parse((await curl('-f', `${url}?format=json`)).toString()) as { name: string }[];
  expect(listed.map(({ name }) => name)).toEqual(['deep', '%2e%2e', 'back\\slash', 'inward']);
});

interface Answer {
  readonly asked: string;
  readonly status: number;
  /** Where it leads to, or empty. */
  readonly redirect: string;
  readonly body: Buffer;
}

/** Fetches URLs with one curl that sends their paths as they are. */
async function fetchAsIs(urls: readonly string[], folder: string): Promise<Answer[]> {
  const config = join(folder, 'curl.conf');
  const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\')}"`;
  const bodies = urls.map((_, index) => join(folder, `body-${index}`));
  for (const body of bodies) writeFileSync(body, '');
  const lines = urls.map((url, index) => `url = ${quoted(url)}\noutput = ${quoted(bodies[index] ?? '')}\n`);
  writeFileSync(config, lines.join(''));
  const told = (await curl('--path-as-is', '-g', '-w', '%{http_code} %{redirect_url}\n', '-K', config)).toString();
  return told
    .trimEnd()
    .split('\n')
    .map((line, index) => {
      const [status, redirect = ''] = line.split(' ');
      const body = readFileSync(bodies[index] ?? '');
      return { asked: urls[index] ?? '', status: Number(status), redirect, body };
    });
}
