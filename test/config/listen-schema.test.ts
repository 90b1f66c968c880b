import { describe, expect, test } from 'vitest';
import type { HttpListen, ListenAddress } from '../../config/settings.js';
import { parse, problems } from './parsing.js';

const TRUSTED = 'proxies: { trusted: 192.0.2.0/24 }\n';

function place(address: ListenAddress, more: Partial<HttpListen> = {}): HttpListen {
  return { address, mode: 0o660, proxyProtocol: false, ...more };
}

describe('listen', () => {
  test.each<[string, HttpListen]>([
    ['"[::1]:80"', place({ kind: 'tcp', host: '::1', port: 80 })],
    [':8080', place({ kind: 'tcp', host: '', port: 8080 })],
    ['"*:0"', place({ kind: 'tcp', host: '', port: 0 })],
    ['mirror.example.edu:0', place({ kind: 'tcp', host: 'mirror.example.edu', port: 0 })],
    ['systemd:80', place({ kind: 'tcp', host: 'systemd', port: 80 })],
    ['unix:run/http.sock', place({ kind: 'unix', path: '/etc/example/run/http.sock' })],
    ['{ address: "unix:/run/m.sock", mode: "0600" }', place({ kind: 'unix', path: '/run/m.sock' }, { mode: 0o600 })],
    ['systemd:http', place({ kind: 'systemd', name: 'http' })],
    ['{ address: ":81", proxy_protocol: true }', place({ kind: 'tcp', host: '', port: 81 }, { proxyProtocol: true })],
  ])('http: reads %s, alone and in a list', (text, expected) => {
    expect(parse(`${TRUSTED}listen: { http: ${text} }`).listen.http).toEqual([expected]);
    expect(parse(`${TRUSTED}listen: { http: [${text}] }`).listen.http).toEqual([expected]);
  });

  test('https: reads addresses with their certificates, whose paths count from the file', () => {
    const text = `
listen:
  https:
    - { address: ":443", cert: a.pem, key: /k/a.key, hsts: 365d }
    - { address: "unix:/run/s.sock", cert: [a.pem, b.pem], key: [a.key, b.key] }
`;
    expect(parse(text).listen.https).toEqual([
      {
        ...place({ kind: 'tcp', host: '', port: 443 }),
        certificates: [{ cert: '/etc/example/a.pem', key: '/k/a.key' }],
        hsts: 31_536_000,
      },
      {
        ...place({ kind: 'unix', path: '/run/s.sock' }),
        certificates: [
          { cert: '/etc/example/a.pem', key: '/etc/example/a.key' },
          { cert: '/etc/example/b.pem', key: '/etc/example/b.key' },
        ],
        hsts: null,
      },
    ]);
  });

  test.each<[string, string]>([
    ['listen: { http: 8080 }', 'listen.http: 8080 is not allowed here: it must be an address, or a list of addresses'],
    ['listen: { http: "8080" }', 'listen.http: "8080" is not an address to listen on: write it as 127.0.0.1:8080'],
    ['listen: { http: [":1", ":99999"] }', 'listen.http[1]: ":99999" is not an address to listen on'],
    ['listen: { http: [":80", "*:80"] }', 'listen.http[1]: stands in the list twice'],
    ['listen: { http: [] }', 'listen.http: the list is empty'],
    ['listen: { http: "unix:" }', 'listen.http: "unix:" is not an address to listen on'],
    ['listen: { http: "systemd:a:b" }', 'listen.http: "systemd:a:b" is not an address to listen on'],
    ['listen: { http: [{ address: ":80", mode: "0660" }] }', 'listen.http.mode: only Unix sockets have a mode'],
    [
      'listen: { http: { address: "unix:/a", mode: 660 } }',
      'listen.http.mode: 660 is not the mode of a file: write it as "0660"',
    ],
    ['listen: { http: { address: "unix:/a", mode: "0999" } }', 'listen.http.mode: "0999" is not the mode of a file'],
    ['listen: { http: { port: 80 } }', 'listen.http.address: is missing'],
    ['listen: { http: ["unix:a", "unix:./a"] }', 'listen.http[1]: stands in the list twice'],
    [
      'listen: { https: ":443" }',
      'listen.https: ":443" is not allowed here: it must be {address: ":443", cert: FILE, key: FILE}',
    ],
    ['listen: { https: { address: ":443", cert: a.pem } }', 'listen.https.key: is missing'],
    ['listen: { http: ":80", https: { address: ":80", cert: a, key: b } }', 'listen.https: stands in the list twice'],
    ['listen: { https: { address: ":1", cert: [a, b], key: c } }', 'listen.https.key: 2 certificates have 1 keys'],
    ['listen: { https: [{ address: ":1", cert: a, key: b, hsts: 1 }] }', 'listen.https[0].hsts: 1 is not a duration'],
    [
      'listen: { http: { address: ":80", proxy_protocol: true } }',
      'listen.http.proxy_protocol: no proxy is trusted to say who its clients are',
    ],
    ['listen: { connections: 1 }', 'listen.connections: 1 is not a whole number of 16 to 1000000'],
  ])('refuses %s: %s', (text, sentence) => expect(problems(() => parse(text)).join('\n')).toContain(sentence));
});
