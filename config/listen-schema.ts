import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import * as field from './fields.js';
import { ADDRESS_FORMS, parseListenAddress } from './listen-address.js';
import type { Problem } from './problems.js';
import { resolveRsync, rsyncDaemon } from './rsync-schema.js';
import type { HttpListen, HttpsListen, ListenAddress, ListenSettings } from './settings.js';

const address = field.parsed(`an address to listen on: ${ADDRESS_FORMS}`, parseListenAddress, {
  description: 'Address and port, unix: and the path of a socket, or systemd: and the name of a socket that it passes.',
});

const place = {
  address,
  mode: field
    .parsed('the mode of a file: write it as "0660", with quotes', parseMode, {
      description: 'Who may use a Unix socket. Default: "0660".',
      examples: ['0660'],
    })
    .optional(),
  proxy_protocol: z
    .boolean()
    .meta({ description: 'Whether each connection begins with the PROXY protocol, by a proxy of "proxies".' })
    .prefault(false),
};
const httpPlace = field.section(place).meta({ description: 'An address with what is special about it.' });
const httpsPlace = field
  .section({
    ...place,
    cert: field.textList(
      {
        description:
          'File of the certificate with its chain (PEM), read again when it changes; several are chosen by name.',
        examples: ['/etc/letsencrypt/live/mirror.example.edu/fullchain.pem'],
      },
      field.pathProblem,
      1,
    ),
    key: field.textList(
      {
        description: 'File of its private key (PEM); of several certificates, their keys in the same order.',
        examples: ['/etc/letsencrypt/live/mirror.example.edu/privkey.pem'],
      },
      field.pathProblem,
      1,
    ),
    hsts: field
      .duration('0s', '730d', {
        description: 'How long browsers shall insist on HTTPS (Strict-Transport-Security). Default: nothing is said.',
        examples: ['365d'],
      })
      .optional(),
  })
  .superRefine(({ cert, key }, context) => {
    if (cert.length === key.length) return;
    const message = `${cert.length} certificates have ${key.length} keys: each needs its own, in the same order`;
    context.addIssue({ code: 'custom', message, path: ['key'] });
  })
  .meta({ description: 'An address with its certificate.' });

/** Where HTTP is served. */
export const listen = field
  .section({
    http: z
      .union([address, httpPlace, z.array(z.union([address, httpPlace])).min(1)], {
        error: field.mustBe('an address, or a list of addresses'),
      })
      .meta({
        description:
          'Where HTTP is served; a list is allowed. ":8080" is every address of this machine; port 0 takes a free one.',
        examples: ['127.0.0.1:8080', ':8080', ['127.0.0.1:8080', '[::1]:8080', 'unix:/run/millpond/http.sock']],
      })
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .prefault('127.0.0.1:8080'),
    https: z
      .union([httpsPlace, z.array(httpsPlace).min(1)], {
        error: field.mustBe('{address: ":443", cert: FILE, key: FILE}, or a list of those'),
      })
      .meta({ description: 'Where HTTPS is served; a list is allowed. Default: nowhere.' })
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .optional(),
    connections: field
      .whole(16, 1_000_000, {
        description:
          'Connections at a time. Before more are refused, the longest unused are closed; the last tenth is for other ' +
          'zones than "public". ' +
          'Default: half of the files that this process may have open.',
      })
      .optional(),
    rsync: rsyncDaemon.optional(),
  })
  .prefault({})
  .meta({ description: 'Where the program listens.' });

const NOBODY_TRUSTED =
  'no proxy is trusted to say who its clients are: name its network, as proxies: { trusted: ["10.0.0.0/8"] }';

type RawListen = z.output<typeof listen>;

/** What can only be seen when all addresses are there; `trusted` are the proxies in front of this server. */
export function listenProblems(raw: RawListen, trusted: readonly string[], file: string): Problem[] {
  const http = raw.http.map((entry, index) => ({ ...placeOf(entry), path: pathTo('http', raw.http, index) }));
  const https = (raw.https ?? []).map((entry, index) => ({ ...entry, path: pathTo('https', raw.https, index) }));
  const all = [...http, ...https];
  const keys = all.map((entry) => JSON.stringify(absolute(entry.address, file)));
  return all.flatMap(({ address: given, mode, proxy_protocol, path }, index): Problem[] => {
    if (proxy_protocol && trusted.length === 0)
      return [{ path: [...path, 'proxy_protocol'], sentence: NOBODY_TRUSTED }];
    if (mode !== undefined && given.kind !== 'unix')
      return [
        { path: [...path, 'mode'], sentence: 'only Unix sockets have a mode: take it away, or write unix:/path' },
      ];
    const isFree = given.kind === 'tcp' && given.port === 0;
    return !isFree && keys.indexOf(keys[index] ?? '') < index ? [{ path, sentence: 'stands in the list twice' }] : [];
  });
}

/** Makes paths absolute; relative ones count from the folder of `file`. */
export function resolveListen(raw: RawListen, file: string): ListenSettings {
  const common = (entry: {
    address: ListenAddress;
    mode?: number | undefined;
    proxy_protocol: boolean;
  }): HttpListen => ({
    address: absolute(entry.address, file),
    mode: entry.mode ?? 0o660,
    proxyProtocol: entry.proxy_protocol,
  });
  const path = (text: string): string => resolve(dirname(file), text);
  return {
    http: raw.http.map((entry) => common(placeOf(entry))),
    https: (raw.https ?? []).map((entry): HttpsListen => ({
      ...common(entry),
      certificates: entry.cert.map((cert, index) => ({ cert: path(cert), key: path(entry.key[index] ?? cert) })),
      hsts: entry.hsts ?? null,
    })),
    connections: raw.connections ?? null,
    rsync: resolveRsync(raw.rsync),
  };
}

function placeOf(entry: RawListen['http'][number]): z.output<typeof httpPlace> {
  return 'kind' in entry ? { address: entry, proxy_protocol: false } : entry;
}

function absolute(given: ListenAddress, file: string): ListenAddress {
  return given.kind === 'unix' ? { kind: 'unix', path: resolve(dirname(file), given.path) } : given;
}

function pathTo(key: string, list: readonly unknown[] | undefined, index: number): PropertyKey[] {
  return list && list.length > 1 ? ['listen', key, index] : ['listen', key];
}

function parseMode(value: string): number | undefined {
  return /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined;
}
