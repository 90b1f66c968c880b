import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { readPlainRequest } from '../../../server/quick/plain-request.js';

const socket = {} as Socket;

function read(text: string, start = 0) {
  return readPlainRequest(text, start, socket);
}

/** A request whose fields are these. */
function withFields(...fields: string[]): string {
  return `GET /a HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
}

describe('readPlainRequest', () => {
  test('gives method, target and fields as Node does, and where the next request begins', () => {
    const first =
      'GET /debian/pool/a%20b.deb?x HTTP/1.1\r\nHost: mirror.test:80\r\nACCEPT: \t text/html, */* \t\r\nX-Empty:\r\n\r\n';
    const text = `${first}HEAD / HTTP/1.1\r\nhost:[::1]\r\nConnection: Keep-Alive\r\n\r\nGET`;
    const one = read(text);
    expect(one).toMatchObject({ method: 'GET', url: '/debian/pool/a%20b.deb?x', socket, end: first.length });
    expect({ ...one?.headers }).toEqual({ host: 'mirror.test:80', accept: 'text/html, */*', 'x-empty': '' });
    const two = read(text, one?.end);
    expect(two).toMatchObject({ method: 'HEAD', url: '/', end: text.length - 3 });
    expect({ ...two?.headers }).toEqual({ host: '[::1]', connection: 'Keep-Alive' });
    expect(read(text, two?.end)).toBeUndefined();
  });

  test('leaves fields to another parser that have the name of something that objects have', () => {
    for (const name of ['__proto__', 'constructor']) expect(read(withFields('Host: a', `${name}: a`))).toBeUndefined();
  });

  test('takes bytes that are no ASCII as Node does, and trims blanks alone', () => {
    expect(read(withFields('Host: a', 'X: \xa0\xff\xa0'))?.headers['x']).toBe('\xa0\xff\xa0');
  });

  test.each([
    ['POST /a HTTP/1.1\r\nHost: a\r\n\r\n', 'another method'],
    ['get /a HTTP/1.1\r\nHost: a\r\n\r\n', 'a method in small letters'],
    ['GETS /a HTTP/1.1\r\nHost: a\r\n\r\n', 'a longer method'],
    ['GET http://a/a HTTP/1.1\r\nHost: a\r\n\r\n', 'the absolute form'],
    ['GET * HTTP/1.1\r\nHost: a\r\n\r\n', 'the asterisk form'],
    ['GET  /a HTTP/1.1\r\nHost: a\r\n\r\n', 'two spaces'],
    ['GET\t/a HTTP/1.1\r\nHost: a\r\n\r\n', 'a tab'],
    ['GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 'a space in the target'],
    ['GET /a\x80 HTTP/1.1\r\nHost: a\r\n\r\n', 'a byte that is no ASCII in the target'],
    ['GET /a\r\nX: HTTP/1.1\r\nHost: a\r\n\r\n', 'a version in another line'],
    ['GET /a HTTP/1.0\r\nHost: a\r\n\r\n', 'an older version'],
    ['GET /a\r\n\r\n', 'no version'],
    ['\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n', 'an empty line before it'],
    ['GET /a HTTP/1.1\r\nHost: a\r\n', 'no end'],
    ['GET /a HTTP/1.1\r\n\r\n', 'no field'],
    ['GET /a HTTP/1.1\nHost: a\n\n', 'lines that end in LF'],
    [withFields('Host: a', 'X: a\nY: b'), 'a bare LF'],
    [withFields('Host: a', 'X: a\rY: b'), 'a bare CR'],
    [withFields('Host: a', 'X: a\0b'), 'a NUL'],
    [withFields('Host: a', 'X: a', ' b'), 'a folded line'],
    [withFields(' Host: a'), 'a blank before the first field'],
    [withFields('Host: a', 'X : a'), 'a space before the colon'],
    [withFields('Host: a', 'X'), 'no colon'],
    [withFields('Host: a', ': a'), 'no name'],
    [withFields('X: a'), 'no host'],
    [withFields('Host: a', 'Host: a'), 'two hosts'],
    [withFields('Host: a', 'host: b'), 'two hosts, written in two ways'],
    [withFields('Host: '), 'an empty host'],
    [withFields('Host: a, b'), 'a list of hosts'],
    [withFields('Host: a', 'X: a', 'x: b'), 'a field twice'],
    [withFields('Host: a', 'Content-Length: 0'), 'a length'],
    [withFields('Host: a', 'Transfer-Encoding: chunked'), 'a coding'],
    [withFields('Host: a', 'Expect: 100-continue'), 'an expectation'],
    [withFields('Host: a', 'Upgrade: websocket'), 'another protocol'],
    [withFields('Host: a', 'Connection: close'), 'an end of the connection'],
    [withFields('Host: a', 'Connection: keep-alive, close'), 'a list of options'],
    [withFields('Host: a', 'Proxy-Connection: close'), 'an end of the connection to a proxy'],
    [withFields('Host: a', ...Array.from({ length: 50 }, (_, index) => `X-${index}: a`)), 'many fields'],
  ])('leaves %j to another parser: %s', (text) => {
    expect(read(text)).toBeUndefined();
  });
});
