import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readMarker, updatesBetween, type Marker } from '../../core/marker.js';
import type { MarkerParser } from '../../core/mirror.js';

const read = (text: string, parser: MarkerParser, field: string | null = null): Marker =>
  readMarker({ content: Buffer.from(text), modifiedAt: null }, { parser, field });

describe('readMarker', () => {
  test.each([
    ['1516392227', 1516392227],
    ['1516392227\n', 1516392227],
    ['  1516392227 extra words\n', 1516392227],
    ['1516392227 2018-01-19T20:03:47Z ftp.example.org\n', 1516392227],
  ])('reads the first token of %j as seconds since the epoch', (text, seconds) => {
    expect(read(text, 'epoch').time).toBe(seconds * 1000);
  });

  test.each(['', 'soon', '-5', '0x10', '1516392227123', '1516392227abc', '<html>404</html>'])(
    'finds no epoch in %j',
    (text) => expect(read(text, 'epoch').time).toBeNull(),
  );

  test.each([
    ['Date: Fri, 19 Jan 2018 19:26:41 UTC\n', '2018-01-19T19:26:41Z'],
    ['Origin: Debian\nLabel: Debian\nDate: Fri, 19 Jan 2018 19:26:41 +0200\n', '2018-01-19T17:26:41Z'],
    ['Fri Jan 19 20:15:01 UTC 2018\n', '2018-01-19T20:15:01Z'],
    ['Fri Jan 19 20:15:01 UTC 2018\nUsing dak v1\nArchive serial: 2018011904\n', '2018-01-19T20:15:01Z'],
    ['2018-01-25T21:52:18Z\n', '2018-01-25T21:52:18Z'],
    ['2018-01-25 21:52:18+01\n', '2018-01-25T20:52:18Z'],
  ])('reads the first date line of %j', (text, iso) => {
    expect(read(text, 'date-line').time).toBe(Date.parse(iso));
  });

  test.each(['Fri Jan 19 20:15:01 2018', '2018-01-19 20:15:01', '2018-01-19T20:15:01', 'Jan 19 2018 08:15:01 PM'])(
    'takes %j, which names no zone, for UTC whatever the zone of the machine is',
    (text) => {
      const before = process.env['TZ'];
      process.env['TZ'] = 'Asia/Tokyo';
      try {
        expect(read(text, 'date-line').time).toBe(Date.UTC(2018, 0, 19, 20, 15, 1));
      } finally {
        if (before === undefined) delete process.env['TZ'];
        else process.env['TZ'] = before;
      }
    },
  );

  test('finds no time where no line is a date, or only far below', () => {
    expect(read('Archive serial: 2018011904\nRunning on host: ftp.example.org\n', 'date-line').time).toBeNull();
    expect(read(`${'x\n'.repeat(60)}Fri Jan 19 20:15:01 UTC 2018\n`, 'date-line').time).toBeNull();
    expect(read('Fri Jan 19 20:15:01 UTC 2018', 'text').time).toBeNull();
  });

  test('keeps a short text as the value, without blanks around it', () => {
    expect(read(' 1516392227\n', 'epoch').value).toBe('1516392227');
    expect(read('', 'text').value).toBe('');
  });

  test.each([
    ['long', 'x'.repeat(201)],
    ['binary', '\0\x01'],
    ['not ASCII', 'é'],
  ])('has the digest of its bytes as the value of a marker that is %s', (_, text) => {
    expect(read(text, 'text').value).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`);
  });

  test.each([
    // Debian CD, Ubuntu, PostgreSQL, Gentoo
    ['Sun Jul 12 20:00:00 UTC 2020\n', '2020-07-12T20:00:00Z'],
    ['Fri Jan  5 20:15:01 UTC 2018\n', '2018-01-05T20:15:01Z'],
    ['Fri 19 Jan 2018 08:15:01 PM UTC\n', '2018-01-19T20:15:01Z'],
    ['2018-01-19 20:15:01 UTC\n', '2018-01-19T20:15:01Z'],
    ['Fri, 19 Jan 2018 20:15:01 +0000\n', '2018-01-19T20:15:01Z'],
    ['\nFri Jan 19 20:15:01 UTC 2018\nmore\n', '2018-01-19T20:15:01Z'],
  ])('reads %j as a date', (text, iso) => {
    expect(read(text, 'date').time).toBe(Date.parse(iso));
  });

  test('takes only the first line for a date', () => {
    expect(read('hello\nFri Jan 19 20:15:01 UTC 2018\n', 'date').time).toBeNull();
  });

  const TRACE = [
    'Sun Feb 28 09:40:29 UTC 2016',
    'Date: Sun, 28 Feb 2016 09:40:29 +0000',
    'Date-Started: Sun, 28 Feb 2016 09:33:55 +0000',
    'Archive serial: 2016022802',
    'Creator: ftpsync 20180513',
    'Running on host: klecker.debian.org',
  ];

  test('compares traces of ftpsync by their serial, whoever wrote them', () => {
    const ours = read(TRACE.join('\n'), 'trace');
    expect(ours).toEqual({ value: 'Archive serial: 2016022802', time: Date.UTC(2016, 1, 28, 9, 40, 29) });
    const others = [TRACE[0], 'Date: Mon, 29 Feb 2016 01:00:00 +0000', ...TRACE.slice(2, 5), 'Running on host: other'];
    expect(read(others.join('\n'), 'trace')).toEqual({ value: ours.value, time: Date.UTC(2016, 1, 29, 1) });
  });

  test('reads a trace of the old form by its first line, and compares it by its bytes', () => {
    const old = 'Fri Jan 19 20:15:01 UTC 2018\nUsed ftpsync version: 20170204\nRunning on host: x\n';
    expect(read(old, 'trace')).toEqual({ value: old.trim(), time: Date.UTC(2018, 0, 19, 20, 15, 1) });
    expect(read('Archive serial: unknown\n', 'trace').value).toBe('Archive serial: unknown');
  });

  test('reads the date of a key', () => {
    const state = '###\nstate=abc\ndate = 2018-01-25T21:52:18Z\nother=2019-01-25T21:52:18Z\n';
    expect(read(state, 'key-date').time).toBe(Date.UTC(2018, 0, 25, 21, 52, 18));
    expect(read(state, 'key-date', 'other').time).toBe(Date.UTC(2019, 0, 25, 21, 52, 18));
    expect(read(state, 'key-date', 'state').time).toBeNull();
    expect(read(state, 'key-date', 'none').time).toBeNull();
  });

  test('reads the last line with dashes, as UTC', () => {
    expect(read('2021-04-02-02-50\n2021-04-03-02-50\n\n', 'utc-dashes').time).toBe(Date.UTC(2021, 3, 3, 2, 50));
    for (const text of ['', '2021-04-03', '2021-13-03-02-50', '2021-04-03-02-50\nx'])
      expect(read(text, 'utc-dashes').time).toBeNull();
  });

  test('takes the time of the last change for time and value', () => {
    const modifiedAt = Date.UTC(2026, 10, 25, 12);
    const marker = readMarker({ content: Buffer.alloc(0), modifiedAt }, { parser: 'last-modified', field: null });
    expect(marker).toEqual({ value: '2026-11-25T12:00:00.000Z', time: modifiedAt });
    expect(read('', 'last-modified').time).toBeNull();
  });

  test('reads a member of JSON, and compares nothing else of it', () => {
    const recent = (time: unknown): string => JSON.stringify({ meta: { Producers: { time }, other: Math.random() } });
    expect(read(recent(1516392227.25), 'json', 'meta.Producers.time')).toEqual({
      value: '1516392227.25',
      time: 1516392227250,
    });
    expect(read(recent('1516392227'), 'json', 'meta.Producers.time').time).toBe(1516392227000);
    expect(read(recent('2018-01-19T20:15:01Z'), 'json', 'meta.Producers.time').time).toBe(
      Date.UTC(2018, 0, 19, 20, 15, 1),
    );
    for (const text of ['{', 'null', '[]', '{"meta":1}', '{"meta":{"Producers":{"time":{}}}}'])
      expect(read(text, 'json', 'meta.Producers.time')).toEqual({ value: text, time: null });
    expect(read('{}', 'json', 'constructor.name').time).toBeNull();
  });
});

describe('updatesBetween', () => {
  const serial = (text: string): string => `Archive serial: ${text}`;

  test('counts the updates of one day', () => {
    expect(updatesBetween(serial('2016022802'), serial('2016022804'))).toBe(2);
    expect(updatesBetween(serial('2016022802'), serial('2016022802'))).toBe(0);
    expect(updatesBetween(serial('2016022804'), serial('2016022802'))).toBe(0);
  });

  test('knows nothing of those of another day, or of other values', () => {
    expect(updatesBetween(serial('2016022802'), serial('2016022901'))).toBeNull();
    expect(updatesBetween('1516392227', '1516392228')).toBeNull();
  });
});
