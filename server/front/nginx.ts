import type { Settings } from '../../config/settings.js';
import { CACHE_PATTERNS } from '../files/cache-rules.js';
import { extensionsByType, TEXT_PATHS } from '../files/content-type.js';
import { nginxLimits } from './nginx-limits.js';
import { innerAddress, mirrorPattern, PLAIN_TARGETS, TRANSIENT_PATHS } from './published-paths.js';

export interface FrontOptions {
  /** Absolute folder of the public trees. */
  readonly publicFolder: string;
  /** Addresses that the front listens on, as its own configuration writes them; none is what is usual there. */
  readonly listen: readonly string[];
}

const TEXT = 'text/plain; charset=utf-8';

/**
 * A file for nginx (1.17 or newer, inside of `http`) that serves files of published trees straight from the disk with
 * the header fields that Millpond gives them, and passes everything else on. @throws MillpondError invalid
 */
export function nginxConfig(settings: Settings, options: FrontOptions): string {
  const limits = nginxLimits(settings.zones.values());
  const sections = [
    head(settings),
    upstream(settings),
    decisions(settings),
    limits.zones,
    logFormat(),
    server(settings, options, limits.inLocation),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

/** A text as nginx reads it; a variable that only holds it stands for "$". */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('$', '${millpond_dollar}')}"`;
}

/** A regular expression, in which "$" is no variable, where only a variable or a pattern may stand. */
function pattern(text: string): string {
  return `"~${text.replaceAll('"', '\\"')}"`;
}

function head({ file }: Settings): string {
  return [
    '# Made by "millpond front nginx" from this configuration; make it again when that has changed:',
    `#   ${file.replace(/\p{Cc}/gu, '?')}`,
    '# It belongs into /etc/nginx/conf.d/. The user of nginx must be able to read the trees.',
    '# Millpond believes it who its clients are when proxies.trusted names the address that it comes from.',
  ].join('\n');
}

function upstream(settings: Settings): string {
  const inner = innerAddress(settings);
  const address = 'path' in inner ? `unix:${inner.path}` : inner.authority;
  return `upstream millpond {\n    server ${quoted(address)};\n    keepalive 32;\n}`;
}

/** What is served from the disk, and the header fields of that. */
function decisions({ zones, mirrors, proxies }: Settings): string {
  const networks = [...zones.values()].flatMap(({ name, networks: all }) =>
    all.map((network) => `${network} ${quoted(name)}`),
  );
  const closed = [...mirrors.values()].flatMap(({ name, read }) =>
    read === null ? [] : [`${pattern(`^(?!(?:${read.join('|')}) )[^ ]* /${mirrorPattern([name])}/`)} 1`],
  );
  return [
    block('geo $millpond_dollar', ['default "$"']),
    block('geo $millpond_zone', ['default "public"', ...networks]),
    '# 1: this zone may not read this mirror, and Millpond says so',
    block('map "$millpond_zone $uri" $millpond_closed', ['default 0', ...closed]),
    '# 1: one file, asked for by its own name',
    block('map "$request_method:$request_uri" $millpond_plain', [
      'default 0',
      `${pattern(`^(?:GET|HEAD):${PLAIN_TARGETS}$`)} 1`,
    ]),
    block('map $uri $millpond_transient', ['default 0', `${pattern(TRANSIENT_PATHS)} 1`]),
    '# conditions that may fail are for Millpond: nginx answers them with a page of its own',
    block(
      'map "$millpond_closed$millpond_plain$millpond_transient$http_if_match$http_if_unmodified_since" $millpond_direct',
      ['default 0', '"010" 1'],
    ),
    block(
      'map $uri $millpond_cache',
      CACHE_PATTERNS.map(([text, value]) => `${text === '' ? 'default' : pattern(text)} "${value}"`),
    ),
    '# HTML and SVG of a tree get an origin of their own and no scripts; Chromium shows no PDF in a sandbox',
    block('map "$status$uri" $millpond_policy', [
      'default "sandbox allow-downloads"',
      `${pattern('\\.[pP][dD][fF]$')} ""`,
      '"~^304" ""',
    ]),
    block('map $status $millpond_sniffing', ['default "nosniff"', '304 ""']),
    ...(proxies.header === 'forwarded'
      ? [
          block('map $remote_addr $millpond_forwarded', [
            'default "for=unknown"',
            '"~^[0-9.]+$" "for=$remote_addr"',
            '"~:" "for=\\"[$remote_addr]\\""',
          ]),
        ]
      : []),
  ].join('\n');
}

/** What `statistics.front_log` reads. */
function logFormat(): string {
  return [
    'log_format millpond escape=json',
    `    '{"at":$msec,"address":"$remote_addr","scheme":"$scheme","status":$status,"bytes":$body_bytes_sent,'`,
    `    '"target":"$request_uri","agent":"$http_user_agent"}';`,
  ].join('\n');
}

function server(settings: Settings, { publicFolder, listen }: FrontOptions, limits: readonly string[]): string {
  const { site, mirrors, proxies, frontLog } = settings;
  const name = site.url === null ? '_' : new URL(site.url).hostname;
  const files = [
    'if ($millpond_direct = 0) { return 418; }',
    'error_page 403 404 418 = @millpond;',
    'try_files $uri @millpond;',
    'add_header Cache-Control $millpond_cache;',
    'add_header X-Content-Type-Options $millpond_sniffing;',
    'add_header Content-Security-Policy $millpond_policy;',
    ...(frontLog === null ? [] : [`access_log ${quoted(frontLog)} millpond;`]),
    ...limits,
  ];
  const trees = mirrorPattern(mirrors.keys());
  const lines = [
    ...(listen.length > 0 ? listen : ['80', '[::]:80']).map((address) => `listen ${address};`),
    `server_name ${quoted(name)};`,
    'server_tokens off;',
    'client_max_body_size 0;',
    `root ${quoted(publicFolder)};`,
    'merge_slashes off;',
    'open_file_cache off; # or files of the generation before would be served for a while',
    'sendfile on;',
    'tcp_nopush on;',
    'gzip off;',
    'if_modified_since exact;',
    '',
    'proxy_http_version 1.1;',
    'proxy_set_header Connection "";',
    'proxy_set_header Host $http_host;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
    'proxy_set_header X-Forwarded-Host "";',
    proxies.header === 'forwarded'
      ? 'proxy_set_header Forwarded $millpond_forwarded;'
      : 'proxy_set_header X-Forwarded-For $remote_addr;',
    'proxy_buffering off;',
    'proxy_request_buffering off;',
    'proxy_read_timeout 1h;',
    '',
    location('/', ['proxy_pass http://millpond;']),
    location('@millpond', ['proxy_pass http://millpond;']),
    ...(mirrors.size === 0
      ? []
      : [
          location(`~ "^/${trees}(?:/.*)?${TEXT_PATHS}"`, [...files, 'types { }', `default_type "${TEXT}";`]),
          location(`~ "^/${trees}/(?:.*/)?Release\\.gpg$"`, [
            ...files,
            'types { }',
            'default_type application/pgp-signature;',
          ]),
          location(`~ "^/${trees}/"`, [...files, 'default_type application/octet-stream;']),
        ]),
    '',
    'types_hash_max_size 4096;',
    block('types', typeLines()),
  ];
  return block('server', lines, '');
}

function typeLines(): string[] {
  return [...extensionsByType()].map(([type, extensions]) => `${quoted(type)} ${extensions.join(' ')}`);
}

function location(what: string, lines: readonly string[]): string {
  return block(`location ${what}`, lines, '');
}

function block(begin: string, lines: readonly string[], end = ';'): string {
  const body = lines.flatMap((line) => (line === '' ? '' : `${line}${end}`.split('\n')));
  return [`${begin} {`, ...body.map((line) => (line === '' ? '' : `    ${line}`)), '}'].join('\n');
}
