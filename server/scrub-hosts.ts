import ipaddr from 'ipaddr.js';
import { isPublicAddress } from '../platform/address-rules.js';

const ADDRESS = '(internal address)';
const HOST = '(internal host)';
/** Names that mean something in one network only (RFC 6761, RFC 6762, RFC 8375, and what is used without asking). */
const INTERNAL_SUFFIX = /\.(?:local|localdomain|localhost|internal|intranet|lan|home|home\.arpa|corp|private|test)$/;
const NAME = '[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?';

const IPV4 = /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/g;
const IPV6 = /(?<![\w:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{2,39}(?:%[\w.-]{1,32})?(?![\w:])/gi;
const URL_HOST = new RegExp(`(\\b[a-z][a-z0-9+.-]{0,20}://)(${NAME})(?=[:/\\s"')\\],;]|$)`, 'gi');
const DAEMON_HOST = new RegExp(`(^|[\\s"'(=,])(${NAME})(?=::[^\\s:])`, 'gi');
/** Where rsync, ssh and the resolver name the host that they speak of: what stands before, the name, what stands after. */
const NAMED_HOSTS = [
  ['(?:connect to|from)', '\\s{1,4}\\('],
  ['connect to host', '\\s{1,4}port\\b'],
  ['getaddrinfo:', '\\s{1,4}\\d{1,5}:'],
  ['resolve hostname', ':'],
].map(([before, after]) => new RegExp(`\\b(${before}\\s{1,4})(${NAME})(?=${after})`, 'gi'));

/** A copy of `text` without addresses and names of hosts that only the own network knows. Public ones stay. */
export function scrubHosts(text: string): string {
  const hide = (found: string, before: string, host: string) => (isInternalName(host) ? `${before}${HOST}` : found);
  const scrubbed = text
    .replace(IPV4, (found) => (isInternalAddress(found) ? ADDRESS : found))
    .replace(IPV6, (found) => (isInternalAddress(found.replace(/%.*$/, '')) ? ADDRESS : found))
    .replace(URL_HOST, hide)
    .replace(DAEMON_HOST, hide);
  return NAMED_HOSTS.reduce((so, named) => so.replace(named, hide), scrubbed);
}

/** A name without a dot, or of a domain that the public DNS does not have. */
export function isInternalName(host: string): boolean {
  const name = host.toLowerCase();
  if (ipaddr.isValid(name)) return false; // addresses have a rule of their own
  return !name.includes('.') || INTERNAL_SUFFIX.test(name);
}

function isInternalAddress(text: string): boolean {
  return ipaddr.isValid(text) && !isPublicAddress(text);
}
