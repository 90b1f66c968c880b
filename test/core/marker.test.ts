import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readMarker } from '../../core/marker.js';

const read = (text: string, parser: 'epoch' | 'date-line' | 'text') => readMarker(Buffer.from(text), parser);

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
});
