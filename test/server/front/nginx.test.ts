import { describe, expect, test } from 'vitest';
import { encodePath, isTransient } from '../../../core/tree-path.js';
import { CACHE_PATTERNS, cacheControlOf } from '../../../server/files/cache-rules.js';
import { contentTypeOf, TEXT_PATHS, typesByExtension } from '../../../server/files/content-type.js';
import { nginxConfig, quoted } from '../../../server/front/nginx.js';
import { PLAIN_TARGETS, TRANSIENT_PATHS } from '../../../server/front/published-paths.js';
import { makeMirror, makeSettings } from '../scene.js';

const PATHS = [
  ...[
    'pool/main/a/a_1.deb',
    'x/pool/a.rpm',
    'pool/a.tar.gz',
    'a.deb',
    'pools/a.deb',
    'by-hash/SHA256/0123',
    'dists/x/y',
  ],
  ...[
    'dists/a/by-hash/SHA256/0123456789abcdef0123456789abcdef',
    'InRelease',
    'x/Packages.xz',
    'Packages/x',
    'index.html',
  ],
  ...[
    'Contents-amd64.gz',
    'Contents-a/b',
    'core.db',
    'core.files.tar.gz.sig',
    'a.db/x',
    'SHA256SUMS',
    'MD5SUMS-x',
    'x-CHECKSUM',
  ],
  ...[
    'repodata/x.xml',
    'a/repodata',
    'project/trace/host',
    'trace/host',
    'README',
    'README.txt',
    'a/.treeinfo',
    'Release.gpg',
    'x',
  ],
  ...[
    'a.iso',
    'a.ISO',
    'a.7z',
    'noext',
    '.htaccess',
    'a.x-y',
    '.~tmp~/a',
    'a/.b.Abc123',
    'a/.b.abcdef',
    'a/.b.abcde1',
    '~tmp~',
    '.rsync-partial/x',
    '.Abc123',
  ],
].map((path) => path.split('/'));

describe.each(PATHS)('the rules for other servers about %j', (...segments) => {
  const path = `/debian/${segments.join('/')}`;

  test('are those of this one', () => {
    expect(CACHE_PATTERNS.find(([pattern]) => new RegExp(pattern, 's').test(path))?.[1]).toBe(cacheControlOf(segments));
    const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
    const gpg = path.endsWith('/Release.gpg') ? 'application/pgp-signature' : undefined;
    const text = new RegExp(TEXT_PATHS).test(path) ? 'text/plain; charset=utf-8' : undefined;
    const type = text ?? gpg ?? typesByExtension().get(extension) ?? 'application/octet-stream';
    expect(type).toBe(contentTypeOf(segments));
    expect(new RegExp(TRANSIENT_PATHS).test(path)).toBe(segments.some(isTransient));
  });
});

test('only one file, asked for by its own name, is served from the disk', () => {
  const isPlain = (target: string): boolean => new RegExp(`^${PLAIN_TARGETS}$`).test(target);
  expect(isPlain(encodePath(['debian', 'a b', 'ä%.deb'], false))).toBe(true);
  for (const target of ['/debian/', '/debian/a?x', '/a//b', '/a/../b', '/a/.', '/a/%2e%2E/b', '/a%2Fb', '/a%00b', '*'])
    expect(isPlain(target), target).toBe(false);
});

test('quotes, backslashes and dollars of paths are not read by nginx', () => {
  expect(quoted('/a "b" \\ $c')).toBe('"/a \\"b\\" \\\\ ${millpond_dollar}c"');
});

test('the first address that another server can reach is the one that it passes on to', () => {
  const config = (http: object[]): string => {
    const made = makeSettings('/data', { mirrors: [makeMirror('debian')] });
    const settings = { ...made, listen: { ...made.listen, http: http as never } };
    return nginxConfig(settings, { publicFolder: '/data/public', listen: ['80'] });
  };
  const systemd = { address: { kind: 'systemd', name: 'http' } };
  const tcp = (host: string, port: number) => ({ address: { kind: 'tcp', host, port } });
  expect(config([systemd, tcp('', 8080)])).toContain('server "127.0.0.1:8080";');
  expect(config([tcp('::1', 80)])).toContain('server "[::1]:80";');
  expect(config([{ address: { kind: 'unix', path: '/run/m p.sock' } }])).toContain('server "unix:/run/m p.sock";');
  expect(() => config([systemd, tcp('', 0)])).toThrow('no address of listen.http can be written');
});
