import { isIPv4, isIPv6 } from 'node:net';
import type { ListenAddress } from './settings.js';

export const ADDRESS_FORMS =
  'write it as 127.0.0.1:8080, [::1]:8080, name:8080, :8080 for every address, unix:/path, or systemd:NAME';

const HOST_NAME = /^(?!.*\.\.)[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?$/i;
/** systemd.socket(5), FileDescriptorName=: printable, no colon, 255 characters at most. */
const SOCKET_NAME = /^[!-9;-~]{1,255}$/;

/**
 * Reads `127.0.0.1:8080`, `[::1]:8080`, `name:8080`, `:8080`, `*:8080`, `unix:PATH` and `systemd:NAME`; undefined for
 * anything else. Paths are as they were written.
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, kind, name = ''] = /^(unix|systemd):(.*)$/s.exec(text) ?? [];
  if (kind === 'systemd' && !/^\d+$/.test(name)) return SOCKET_NAME.test(name) ? { kind: 'systemd', name } : undefined;
  if (kind === 'unix' && !/^\d+$/.test(name))
    return /^$|^~|\p{Cc}/u.test(name) ? undefined : { kind: 'unix', path: name };
  return parseTcpAddress(text);
}

function parseTcpAddress(text: string): ListenAddress | undefined {
  const [, inBrackets, plain = '', portText = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(portText);
  if (portText === '' || port > 65_535) return undefined;
  if (inBrackets !== undefined) return isIPv6(inBrackets) ? { kind: 'tcp', host: inBrackets, port } : undefined;
  if (plain === '' || plain === '*') return { kind: 'tcp', host: '', port };
  const isNumeric = /^[\d.]+$/.test(plain);
  return (isNumeric ? isIPv4(plain) : HOST_NAME.test(plain)) ? { kind: 'tcp', host: plain, port } : undefined;
}
