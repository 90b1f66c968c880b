import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../core/oci/challenge.js';

describe('parseChallenges', () => {
  it('reads what Docker Hub sends', () => {
    const field =
      'Bearer realm="https://auth.example.org/token",service="registry.example.org",scope="repository:a/b:pull,push"';
    expect(parseChallenges(field)).toEqual([
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.example.org/token',
          service: 'registry.example.org',
          scope: 'repository:a/b:pull,push',
        },
      },
    ]);
  });

  it('reads several challenges in one field, as RFC 9110 section 11.6.1 shows', () => {
    const field = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\"", Digest';
    expect(parseChallenges(field)).toEqual([
      { scheme: 'basic', parameters: { realm: 'simple' } },
      { scheme: 'newauth', parameters: { realm: 'apps', type: '1', title: 'Login to "apps"' } },
      { scheme: 'digest', parameters: {} },
    ]);
  });

  it('reads several fields', () => {
    expect(parseChallenges(['Bearer realm="x"', 'BASIC realm="y"']).map(({ scheme }) => scheme)).toEqual([
      'bearer',
      'basic',
    ]);
  });

  it.each([
    ['Bearer  realm = "x" ,, scope=a', { realm: 'x', scope: 'a' }],
    ['Bearer REALM="x",realm="y"', { realm: 'x' }],
    ['Bearer realm=https://example.org/token,service=s', { realm: 'https://example.org/token', service: 's' }],
    ['Bearer realm=""', { realm: '' }],
    ['Bearer realm="a, b=c"', { realm: 'a, b=c' }],
    ['Bearer', {}],
    ['Bearer __proto__="x"', { ['__proto__']: 'x' }],
  ])('reads %j', (field, parameters) => {
    const [found] = parseChallenges(field);
    expect(Object.entries(found?.parameters ?? {})).toEqual(Object.entries(parameters));
  });

  it('passes over what is no list of parameters', () => {
    expect(parseChallenges('Negotiate YWJj==, Basic realm="x"')).toEqual([
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'x' } },
    ]);
  });

  it.each([undefined, '', ' , ,', '"', '=x'])('finds nothing in %j', (field) => {
    expect(parseChallenges(field)).toEqual([]);
  });

  it('leaves out what follows an unended string', () => {
    expect(parseChallenges('Basic realm="x", Bearer realm="y')).toEqual([
      { scheme: 'basic', parameters: { realm: 'x' } },
      { scheme: 'bearer', parameters: {} },
    ]);
  });

  it('is bounded', () => {
    expect(parseChallenges('x'.repeat(9000))).toEqual([]);
    expect(parseChallenges(Array.from({ length: 99 }, () => 'Basic realm="x"'))).toHaveLength(16);
  });
});
