import { describe, expect, test } from 'vitest';
import { takePassedSockets } from '../../platform/systemd-sockets.js';

describe('takePassedSockets', () => {
  test('names descriptors from 3 on, and takes what tells of them out of the environment', () => {
    const env = { LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'http:https', PATH: '/bin' };
    expect(takePassedSockets(env, 42)).toEqual([
      { name: 'http', descriptor: 3 },
      { name: 'https', descriptor: 4 },
    ]);
    expect(env).toEqual({ PATH: '/bin' });
  });

  test('calls them "unknown" where systemd gives no names', () => {
    expect(takePassedSockets({ LISTEN_PID: '42', LISTEN_FDS: '1' }, 42)).toEqual([{ name: 'unknown', descriptor: 3 }]);
  });

  test.each<[NodeJS.ProcessEnv, string]>([
    [{ LISTEN_PID: '41', LISTEN_FDS: '1' }, 'they are for another process'],
    [{ LISTEN_PID: '42', LISTEN_FDS: '-1' }, 'their number is none'],
    [{ LISTEN_PID: '42' }, 'there are none'],
    [{}, 'nothing was passed'],
  ])('is empty for %j: %s', (env) => expect(takePassedSockets(env, 42)).toEqual([]));
});
