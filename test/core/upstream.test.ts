import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillpondError } from '../../core/errors.js';
import { parseUpstream, scrubUpstream } from '../../core/upstream.js';

describe('parseUpstream', () => {
  test.each([
    ['rsync://ftp.example.org/debian/', 'rsync://ftp.example.org/debian/', 'debian/'],
    ['rsync://ftp.example.org/debian', 'rsync://ftp.example.org/debian/', 'debian/'],
    ['rsync://ftp.example.org//debian/dists', 'rsync://ftp.example.org/debian/dists/', 'debian/dists/'],
  ])('reads the daemon address %s and ends it with a slash', (text, rsync, path) => {
    expect(parseUpstream(text)).toEqual({
      ...{ kind: 'daemon', rsync, path, display: rsync },
      ...{ host: 'ftp.example.org', port: null, user: null, hostKey: 'ftp.example.org' },
    });
  });

  test('reads user, port and address of a daemon, and shows no user', () => {
    expect(parseUpstream('rsync://bob@[2001:DB8::1]:8730/m/')).toEqual({
      kind: 'daemon',
      rsync: 'rsync://bob@[2001:DB8::1]:8730/m/',
      host: '2001:DB8::1',
      port: 8730,
      user: 'bob',
      path: 'm/',
      hostKey: '2001:db8::1',
      display: 'rsync://[2001:DB8::1]:8730/m/',
    });
  });

  test('reads host::module as a daemon', () => {
    const upstream = parseUpstream('mirror@Master.Example.org::ftp/pub');
    expect(upstream).toMatchObject({ kind: 'daemon', rsync: 'mirror@Master.Example.org::ftp/pub/', path: 'ftp/pub/' });
    expect(upstream).toMatchObject({ hostKey: 'master.example.org', display: 'Master.Example.org::ftp/pub/' });
  });

  test.each([
    ['bob@host.example:/srv/tree', 'bob@host.example:/srv/tree/', 'bob', 'host.example:/srv/tree/'],
    ['host.example:tree/', 'host.example:tree/', null, 'host.example:tree/'],
    ['cran@[::1]:tree', 'cran@[::1]:tree/', 'cran', '[::1]:tree/'],
    ['host:a:b', 'host:a:b/', null, 'host:a:b/'],
  ])('reads %s as ssh', (text, rsync, user, display) =>
    expect(parseUpstream(text)).toMatchObject({ kind: 'ssh', rsync, user, display, port: null }),
  );

  test.each([
    ['/srv/tree', '/srv/tree/'],
    ['./tree', './tree/'],
    ['../tree/', '../tree/'],
    ['.', './'],
    ['/odd:name@x::y', '/odd:name@x::y/'],
  ])('reads %s as a folder, which is not shown', (text, path) =>
    expect(parseUpstream(text)).toMatchObject({ kind: 'local', rsync: path, path, display: 'local folder' }),
  );

  test.each([
    ['', 'is empty'],
    ['a\nb::m', 'holds a control character'],
    ['--rsh=sh', 'begins with "-"'],
    ['-oProxyCommand=x:y', 'begins with "-"'],
    ['http://host/x/', 'is of an unknown kind'],
    ['rsync://host/', 'names no module'],
    ['rsync://host', 'names no module'],
    ['host::', 'names no module'],
    ['rsync://host/../x', 'names no module'],
    ['host:', 'names no folder'],
    ['rsync:///m/', 'names no usable host'],
    ['rsync://-h/m/', 'names no usable host'],
    ['rsync://h h/m/', 'names no usable host'],
    ['x@-oProxyCommand=id:y', 'names no usable host'],
    ['::m', 'names no usable host'],
    ['-x@host::m', 'begins with "-"'],
    ['rsync://-x@host/m/', 'names no usable user'],
    ['@host::m', 'names no usable user'],
    ['rsync://host:0/m/', 'names no usable port'],
    ['rsync://host:65536/m/', 'names no usable port'],
    ['rsync://host:abc/m/', 'names no usable port'],
    ['tree', 'names no host and is no absolute folder'],
    ['tree/sub:x', 'names no host and is no absolute folder'],
  ])('refuses %j: %s', (text, sentence) => {
    expect(() => parseUpstream(text)).toThrow(MillpondError);
    expect(() => parseUpstream(text)).toThrow(sentence);
  });

  test.each([
    'rsync://bob:hunter2@host/m/',
    'rsync://bob:hun/ter2@host/m/',
    'rsync://:hunter2@host/m/',
    'rsync://bob:@host/m/',
    'rsync://bob:12345@host/m/',
    'bob:hunter2@host::m',
    'bob:hunter2@host:/srv',
    'http://bob:hunter2@host/m/',
  ])('refuses the password in %s and does not repeat it', (text) => {
    expect(() => parseUpstream(text)).toThrow('holds a password');
    expect(() => parseUpstream(text)).not.toThrow(/hun|ter2|12345/);
  });

  test('reads what it made to the same upstream again, and throws nothing but its own error', () => {
    const odd = fc.stringMatching(/^[a-z.@:/[\]0-9 -]{0,16}$/);
    const like = fc.stringMatching(/^rsync:\/\/([a-z]{1,4}@)?[a-z]{1,5}(:[0-9]{1,5})?\/[a-z/]{0,6}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), odd, like), (text) => {
        try {
          const upstream = parseUpstream(text);
          expect(upstream.rsync.endsWith('/')).toBe(true);
          expect(upstream.rsync.startsWith('-')).toBe(false);
          expect(parseUpstream(upstream.rsync)).toEqual(upstream);
        } catch (error) {
          if (!(error instanceof MillpondError)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('scrubUpstream', () => {
  test.each([
    ['rsync://bob:hunter2@host/m/', 'rsync://host/m/'],
    ['rsync://bob:hun/t@er2@host/m/', 'rsync://host/m/'],
    ['rsync://bob@host:873/m/', 'rsync://host:873/m/'],
    ['failed: "rsync://bob:x@host/m/": no', 'failed: "rsync://host/m/": no'],
    ['bob@host::m/', 'host::m/'],
    ['bob:hunter2@host::m/', 'host::m/'],
    ['from bob@[::1]:tree/ and bob@host:tree', 'from [::1]:tree/ and host:tree'],
  ])('cuts user and password of %s', (text, clean) => expect(scrubUpstream(text)).toBe(clean));

  test.each([
    'rsync://host/m/',
    'rsync://host:873/m/file@2x.png',
    'host::m/',
    'write to mirror@example.edu',
    '/pool/a@b',
    'nothing',
  ])('leaves %s alone', (text) => expect(scrubUpstream(text)).toBe(text));
});
