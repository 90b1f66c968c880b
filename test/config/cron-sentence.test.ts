import { describe, expect, test } from 'vitest';
import { cronProblem, timezoneProblem } from '../../config/cron-sentence.js';

describe('cronProblem', () => {
  test.each(['* * * * *', '17 */4 * * *', '  0   6 * * mon-fri ', '0 0 29 2 *', '0 0 L * *', '0,30 0-6 1 jan 7'])(
    'finds nothing wrong with %j',
    (expression) => expect(cronProblem(expression)).toBeUndefined(),
  );

  test.each([
    ['61 * * * *', '"61 * * * *" is not a cron expression: minute must be 0-59'],
    ['0 24 * * *', 'hour must be 0-23'],
    ['0 0 0 * *', 'day of month must be 1-31 or L'],
    ['0 0 1 13 *', 'month must be 1-12 or jan-dec'],
    ['0 0 * * 8', 'day of week must be 0-7 or sun-sat'],
    ['60 24 32 13 8', 'minute must be 0-59; hour must be 0-23; day of month must be 1-31'],
    ['0 0 31 2 *', 'no such day exists in that month'],
    ['', '"" is not a cron expression: it is empty; write minute, hour, day of month, month, day of week'],
    ['* * * *', 'it has 4 fields'],
    ['often', 'it has 1 field; write'],
    ['0 0 0 * * *', 'it has 6 fields, and seconds are not allowed'],
    ['1 2 3 4 5 6 7', 'it has 7 fields'],
    ['@daily', 'names such as "@daily" are not known'],
    ['1.5 * * * *', 'is not a cron expression: write minute'],
    ['*/0 * * * *', 'minute must be 0-59'],
  ])('refuses %j: %s', (expression, sentence) => expect(cronProblem(expression)).toContain(sentence));
});

describe('timezoneProblem', () => {
  test.each(['UTC', 'Europe/Berlin', 'America/Argentina/Ushuaia'])('finds nothing wrong with %s', (zone) =>
    expect(timezoneProblem(zone)).toBeUndefined(),
  );

  test.each(['', 'Mars/Olympus', 'Berlin time', '../UTC'])('refuses %j', (zone) =>
    expect(timezoneProblem(zone)).toBe(
      `${JSON.stringify(zone)} is not a time zone: write a name such as Europe/Berlin or UTC`,
    ),
  );
});
