import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TreeMirror, Stage } from '../../../../core/mirror.js';
import { parseUpstream } from '../../../../core/upstream.js';
import { fetchArguments, passwordOption, pullArguments } from '../../../../sync/upstreams/rsync/arguments.js';
import type { PullRequest } from '../../../../sync/upstreams/tree-upstream.js';
import { testMirror } from '../../../fixtures/engine.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { snapshot, writeTree } from '../../../fixtures/tree.js';

const STAGE: Stage = { name: 'all', include: [], exclude: [], delete: true, options: [] };

function request(url: string, fields: Partial<PullRequest> & { config?: Partial<TreeMirror> } = {}): PullRequest {
  const { config, ...rest } = fields;
  return {
    mirror: testMirror({ name: 'pond', upstreams: [url], ...config }),
    upstream: parseUpstream(url),
    signal: new AbortController().signal,
    env: {},
    knownHosts: '/data/run/known_hosts',
    onLine: () => undefined,
    stage: STAGE,
    destination: '/data/slots/a',
    temporary: '/data/partial',
    changes: '/data/changes/a',
    inPlace: false,
    ...{ knownFiles: null, filesFrom: null },
    bandwidth: null,
    onProgress: () => undefined,
    onActivity: () => undefined,
    ...rest,
  };
}

describe('pullArguments', () => {
  test('ends with "--", the source and the destination', () => {
    const args = pullArguments(request('rsync://host/mod/', { stage: { ...STAGE, options: ['--size-only'] } }));
    expect(args.slice(-4)).toEqual(['--size-only', '--', 'rsync://host/mod/', '/data/slots/a/']);
    expect(args.filter((arg) => arg === '--').length).toBe(1);
  });

  test('never asks for what would write into files that slots share', () => {
    for (const inPlace of [true, false]) {
      const args = pullArguments(request('rsync://host/mod/', { inPlace })).join(' ');
      expect(args).not.toMatch(/--(inplace|append|owner|group|archive|devices|specials|super)\b/);
      expect(args).toContain('--chmod=D755,F644');
    }
  });

  test('deletes in the stages that delete, and late where readers see it', () => {
    const deletion = (fields: Partial<PullRequest>) =>
      pullArguments(request('rsync://host/mod/', fields)).filter((arg) => arg.startsWith('--delete'));
    expect(deletion({})).toEqual(['--delete-during']);
    expect(deletion({ inPlace: true })).toEqual(['--delete-delay']);
    expect(deletion({ stage: { ...STAGE, delete: false } })).toEqual([]);
  });

  test('asks for the whole list at once where memory has room for it', () => {
    const whole = (knownFiles: number | null) =>
      pullArguments(request('rsync://host/mod/', { knownFiles })).includes('--no-inc-recursive');
    expect([0, 200_000, 2_000_000].map(whole)).toEqual([true, true, true]);
    expect([null, 2_000_001].map(whole)).toEqual([false, false]);
  });

  test('gives the limit in whole KiB a second, and never none', () => {
    const limit = (bandwidth: number | null) =>
      pullArguments(request('/srv/x/', { bandwidth })).find((arg) => arg.startsWith('--bwlimit'));
    expect([null, 10, 1024, 250_000_000].map(limit)).toEqual([
      undefined,
      '--bwlimit=1',
      '--bwlimit=1',
      '--bwlimit=244140',
    ]);
  });

  test('has timeouts for what is far away only', () => {
    const timeouts = (url: string, stall: number) =>
      pullArguments(request(url, { config: { stall } })).filter((arg) => /^--(con)?timeout/.test(arg));
    expect(timeouts('rsync://host/mod/', 900)).toEqual(['--timeout=900', '--contimeout=60']);
    expect(timeouts('host::mod/', 5)).toEqual(['--timeout=5', '--contimeout=5']);
    expect(timeouts('user@host:folder/', 900)).toEqual(['--timeout=900']);
    expect(timeouts('/srv/x/', 900)).toEqual([]);
  });

  test('passes names that a shell would not, and patterns that begin like rules', async () => {
    const folder = await tempFolder();
    const [up, slot, partial] = ['up $(touch x); `id`', 'slot', 'partial'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [up, slot, partial]) mkdirSync(path);
    const names = ['- a', '+ b', '! c', 'star*', '; touch x', '$(touch y)', "it's", 'plain', '.~tmp~/left', ' d', 'e '];
    writeTree(up, Object.fromEntries(names.map((name) => [name, name])));
    const exclude = ['- a', '+ b', '! c', '/star\\*', '; touch x', ' d', 'e '];
    const args = pullArguments(
      request(up, { config: { exclude }, destination: slot, temporary: partial, changes: join(folder, 'changes') }),
    );
    execFileSync('rsync', args, { cwd: folder, stdio: 'ignore' });
    expect(Object.keys(snapshot(slot)).sort()).toEqual(['$(touch y)', "it's", 'plain']);
  });

  test('a stage neither fetches nor deletes what it leaves out, and what the mirror excludes is removed', async () => {
    const folder = await tempFolder();
    const [up, slot, partial] = ['up', 'slot', 'partial'].map((name) => join(folder, name)) as [string, string, string];
    for (const path of [up, slot, partial]) mkdirSync(path);
    writeTree(up, { 'pool/new': '1', 'dists/Release': '2', 'dists/by-hash/x': '3', 'arm64/y': '4' });
    writeTree(slot, { 'pool/old': '1', 'dists/Release': 'old', 'dists/gone': 'old', 'arm64/old': '1' });
    const stage = { ...STAGE, include: ['/dists/by-hash/'], exclude: ['/dists/*'] };
    const at = { destination: slot, temporary: partial, changes: join(folder, 'changes') };
    execFileSync('rsync', pullArguments(request(up, { ...at, stage, config: { exclude: ['/arm64/'] } })), {
      stdio: 'ignore',
    });
    expect(Object.keys(snapshot(slot)).sort()).toEqual(['dists/Release', 'dists/by-hash/x', 'dists/gone', 'pool/new']);
    expect(readFileSync(join(slot, 'dists/Release'), 'utf8')).toBe('old');
  });
});

describe('the command for ssh', () => {
  test.each(['/plain/known_hosts', '/with blank/known hosts', "/o'neil/known_hosts", '/100%/known_hosts'])(
    'reaches ssh in one piece with the file %j',
    async (knownHosts) => {
      const folder = await tempFolder();
      const said = join(folder, 'said');
      writeFileSync(
        join(folder, 'ssh'),
        `#!/bin/sh\nfor word; do printf '%s\\n' "$word"; done > '${said}'\nexit 255\n`,
      );
      chmodSync(join(folder, 'ssh'), 0o755);
      const config = { sshKey: '/my keys/id "1"', sshPort: 2222 };
      const args = pullArguments(request('user@host:some/folder', { knownHosts, config, destination: folder }));
      const env = { ...process.env, PATH: `${folder}${delimiter}${String(process.env['PATH'])}` };
      const changes = args.map((arg) => arg.replace(/^(--(?:log-file|partial-dir|temp-dir)=).*/, `$1${folder}`));
      expect(() =>
        execFileSync(
          'rsync',
          changes.filter((arg) => !/^--(log|partial|temp)/.test(arg)),
          { env, stdio: 'ignore' },
        ),
      ).toThrow();
      const words = readFileSync(said, 'utf8').split('\n');
      expect(words.slice(0, words.indexOf('rsync'))).toEqual([
        ...['-oBatchMode=yes', '-oStrictHostKeyChecking=accept-new'],
        `-oUserKnownHostsFile="${knownHosts.replace('%', '%%')}"`,
        ...['-oConnectTimeout=30', '-oServerAliveInterval=30', '-p2222', '-oIdentitiesOnly=yes', `-i/my keys/id "1"`],
        ...['-l', 'user', 'host'],
      ]);
    },
  );
});

test('fetchArguments fetch one file, resolved and not too large, into a name of their own', () => {
  const args = fetchArguments(request('rsync://host/mod/'), {
    ...{ path: 'project/trace/master', target: '/data/probe/marker', largest: 5 },
  });
  expect(args.slice(-3)).toEqual(['--', 'rsync://host/mod/project/trace/master', '/data/probe/marker']);
  expect(args).toEqual(expect.arrayContaining(['--copy-links', '--max-size=5']));
});

test('passwordOption reads from stdin, and only where a daemon asks', () => {
  expect(passwordOption(parseUpstream('rsync://user@host/mod/'), 'hunter2')).toEqual(['--password-file=-']);
  expect(passwordOption(parseUpstream('rsync://user@host/mod/'), null)).toEqual([]);
  expect(passwordOption(parseUpstream('user@host:folder'), 'hunter2')).toEqual([]);
});
