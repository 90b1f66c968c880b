import { isIPv4, isIPv6 } from 'node:net';
import type { HttpAddress } from './settings.js';

export const ADDRESS_FORMS = 'write it as 127.0.0.1:8080, [::1]:8080, name:8080, or :8080 for every address';

const HOST_NAME = /^(?!.*\.\.)[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?$/i;

/** Reads `127.0.0.1:8080`, `[::1]:8080`, `name:8080`, `:8080` and `*:8080`; undefined for anything else. */
export function parseHttpAddress(text: string): HttpAddress | undefined {
  const [, inBrackets, plain = '', portText = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(portText);
  if (portText === '' || port > 65_535) return undefined;
  if (inBrackets !== undefined) return isIPv6(inBrackets) ? { host: inBrackets, port } : undefined;
  if (plain === '' || plain === '*') return { host: '', port };
  const isNumeric = /^[\d.]+$/.test(plain);
  return (isNumeric ? isIPv4(plain) : HOST_NAME.test(plain)) ? { host: plain, port } : undefined;
}
