import type { Settings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import { networksOfZones } from '../clients/zone-networks.js';
import { CACHE_PATTERNS } from '../files/cache-rules.js';
import { extensionsByType, TEXT_PATHS } from '../files/content-type.js';
import type { FrontOptions } from './nginx.js';
import { innerAddress, mirrorPattern, ODD_TARGETS, TRANSIENT_PATHS } from './published-paths.js';

/**
 * A Caddyfile (2.6 or newer) that serves files of published trees straight from the disk with the header fields that
 * Millpond gives them, and passes everything else on. @throws MillpondError invalid
 */
export function caddyConfig(settings: Settings, { publicFolder, listen }: FrontOptions): string {
  if (settings.proxies.header !== 'x-forwarded-for')
    throw new MillpondError('invalid', `proxies.header: Caddy does not send "${settings.proxies.header}"`, {
      hint: 'Write `header: x-forwarded-for`, and print the configuration again.',
    });
  const addresses = listen.length > 0 ? listen : [settings.site.url ?? ':80'];
  return [
    '# Made by "millpond front caddy"; make it again when the configuration of Millpond has changed.',
    '# The user of Caddy must be able to read the trees, and proxies.trusted must name the address that it comes from.',
    '# Caddy itself has no limits: those of zones hold for what Millpond answers.',
    `${addresses.join(', ')} {`,
    ...indented([
      `root * ${quoted(publicFolder)}`,
      ...(settings.frontLog === null
        ? []
        : ['log {', `    output file ${quoted(settings.frontLog)}`, '    format json', '}']),
      ...closedMirrors(settings),
      ...(settings.mirrors.size === 0 ? [] : files(settings)),
      'handle {',
      ...indented(passOn(settings)),
      '}',
    ]),
    '}',
    '',
  ].join('\n');
}

/** Who may not read a mirror is told so by Millpond. */
function closedMirrors(settings: Settings): string[] {
  return [...settings.mirrors.values()].flatMap(({ name, read }, index) => {
    if (read === null) return [];
    const networks = networksOfZones(settings.zones.values(), read);
    const matcher = [`path /${name}/*`, ...(networks.length > 0 ? [`not remote_ip ${networks.join(' ')}`] : [])];
    return [
      `@closed${index} {`,
      ...indented(matcher),
      '}',
      `handle @closed${index} {`,
      ...indented(passOn(settings)),
      '}',
    ];
  });
}

function files({ mirrors }: Settings): string[] {
  return [
    '# one file, asked for by its own name',
    '@file {',
    ...indented([
      'method GET HEAD',
      `path_regexp ^/${mirrorPattern(mirrors.keys())}/`,
      `not path_regexp ${raw(TRANSIENT_PATHS)}`,
      `not vars_regexp {http.request.orig_uri} ${raw(ODD_TARGETS)}`,
      'file {path}',
    ]),
    '}',
    'handle @file {',
    ...indented([
      'map {path} {millpond_type} {',
      ...indented(typeLines()),
      '}',
      'map {path} {millpond_cache} {',
      ...indented(CACHE_PATTERNS.map(([text, value]) => `${text === '' ? 'default' : raw(`~${text}`)} "${value}"`)),
      '}',
      'header Content-Type {millpond_type}',
      'header Cache-Control {millpond_cache}',
      'header X-Content-Type-Options nosniff',
      '@sandboxed not path_regexp (?i)\\.pdf$',
      'header @sandboxed Content-Security-Policy "sandbox allow-downloads"',
      'file_server {',
      '    disable_canonical_uris',
      '}',
    ]),
    '}',
  ];
}

function typeLines(): string[] {
  return [
    `${raw(`~${TEXT_PATHS}`)} "text/plain; charset=utf-8"`,
    '~/Release\\.gpg$ application/pgp-signature',
    ...[...extensionsByType()].map(([type, extensions]) => `${raw(`~(?i)\\.(?:${extensions.join('|')})$`)} "${type}"`),
    'default application/octet-stream',
  ];
}

/** What Millpond answers, it counts itself. */
function passOn(settings: Settings): string[] {
  const inner = innerAddress(settings);
  const address = 'path' in inner ? `unix/${inner.path}` : inner.authority;
  return ['skip_log', `reverse_proxy ${quoted(address)} {`, '    flush_interval -1', '}'];
}

/** @throws MillpondError invalid: a brace would begin a placeholder */
function quoted(text: string): string {
  if (!/[{}\n]/.test(text)) return `"${text.replaceAll('"', '\\"')}"`;
  throw new MillpondError('invalid', `the path ${JSON.stringify(text)} cannot be written into a Caddyfile`, {
    hint: 'Choose one without braces.',
  });
}

function raw(text: string): string {
  return `\`${text}\``;
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `    ${line}`);
}
