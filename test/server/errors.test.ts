import { describe, expect, it } from 'vitest';
import { MillpondError } from '../../core/errors.js';
import { ERROR_STATUS, problemOf } from '../../server/errors.js';

describe('problemOf', () => {
  it('tells what a MillpondError says, with the status of its code', () => {
    const error = new MillpondError('not-found', 'There is no mirror "x".', { hint: 'Look again.' });
    expect(problemOf(error)).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'There is no mirror "x".',
      code: 'not-found',
      hint: 'Look again.',
    });
  });

  it('gives every code an error status', () => {
    for (const status of Object.values(ERROR_STATUS)) expect(status).toBeGreaterThanOrEqual(400);
  });

  it('keeps the text of a fault of the program to itself', () => {
    const found = problemOf(new Error('cannot open /srv/secret'));
    expect(found).toMatchObject({ status: 500, code: 'internal' });
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it('keeps the status of what the client did wrong', () => {
    expect(problemOf(Object.assign(new Error('bad'), { status: 400 }))).toMatchObject({ status: 400, code: 'invalid' });
    expect(problemOf(Object.assign(new Error('bad'), { status: 502 })).status).toBe(500);
  });
});
