import { expect, test } from 'vitest';
import { rsyncdConf } from '../../../server/rsync-daemon/rsyncd-conf.js';

const CONF = {
  host: '',
  port: 873,
  maxConnections: 50,
  idle: 600,
  checksum: false,
  logFile: '/data/run/log',
  lockFile: '/data/run/lock',
  modules: [],
};

test('each mirror is a module, and only its networks may read it', () => {
  const module = { name: 'debian', title: 'Debian', root: '/data/mirrors/debian/slots/a', networks: null };
  const modules = [
    module,
    { ...module, name: 'own', networks: ['192.0.2.0/24'] },
    { ...module, name: 'none', networks: [] },
  ];
  expect(
    rsyncdConf({ ...CONF, modules })
      .split('\n\n')
      .slice(1),
  ).toEqual([
    '[debian]\npath = /data/mirrors/debian/slots/a\ncomment = Debian',
    '[own]\npath = /data/mirrors/debian/slots/a\ncomment = Debian\nhosts allow = 192.0.2.0/24',
    '[none]\npath = /data/mirrors/debian/slots/a\ncomment = Debian\nhosts deny = *\n',
  ]);
});

test('checksums are refused unless they are allowed, and 0 connections are none at all', () => {
  expect(rsyncdConf(CONF)).toContain('\nrefuse options = checksum\n');
  expect(rsyncdConf({ ...CONF, checksum: true })).not.toContain('refuse options');
  expect(rsyncdConf({ ...CONF, maxConnections: 0 })).toContain('\nmax connections = -1\n');
});

test('a title is neither a variable nor goes on in the next line', () => {
  const modules = [{ name: 'm', title: '100 %PATH% of 5%\\', root: '/r', networks: null }];
  expect(rsyncdConf({ ...CONF, modules })).toContain('comment = 100 % PATH% of 5%\n');
});

test.each(['/data/%HOME%', '/data/a\nb', '/data/a\\', '/data/a '])('the path %j is refused', (root) => {
  const modules = [{ name: 'm', title: 'm', root, networks: null }];
  expect(() => rsyncdConf({ ...CONF, modules })).toThrow('cannot be written into rsyncd.conf');
});
