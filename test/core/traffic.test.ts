import { describe, expect, test } from 'vitest';
import { agentToken } from '../../core/traffic.js';

describe('agentToken', () => {
  test.each([
    [undefined, 'none given'],
    ['Debian APT-HTTP/1.3 (2.6.1)', 'Debian APT-HTTP/1.3'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox/140'],
    ['Mozilla/5.0 (compatible; some-bot/2.1; +https://example.org)', 'some-bot'],
    ['somebody@example.org', 'other'],
  ])('of %j is %s', (userAgent, token) => expect(agentToken(userAgent)).toBe(token));

  test('looks at the begin of a long text alone: what a client sends costs nobody else time', () => {
    expect(agentToken(`Mozilla/5.0 ${'a-'.repeat(7500)} Firefox/140.0`)).toBe('Mozilla, other');
  });
});
