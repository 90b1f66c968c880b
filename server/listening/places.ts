import type { AddressInfo } from 'node:net';
import type { CertificateFiles, HttpListen, ListenAddress, ListenSettings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import type { PassedSocket } from '../../platform/systemd-sockets.js';

/** What can be listened on by one server. */
export type Place = Exclude<ListenAddress, { kind: 'systemd' }> | ({ readonly kind: 'passed' } & PassedSocket);

/** One place, and how it is listened on. */
export interface Wanted {
  readonly place: Place;
  /** Permission bits of a Unix socket. */
  readonly mode: number;
  readonly proxyProtocol: boolean;
  /** Null is plain HTTP. */
  readonly tls: { readonly certificates: readonly CertificateFiles[]; readonly hsts: number | null } | null;
}

/** A place that is listened on, under the key as it was asked for. */
export interface NamedPlace {
  readonly key: string;
  readonly wanted: Wanted;
}

/** The places of the configuration, one for each socket that systemd has passed. @throws MillpondError invalid */
export function wantedPlaces(
  { http, https }: Pick<ListenSettings, 'http' | 'https'>,
  passed: readonly PassedSocket[],
): Wanted[] {
  const wanted = (entry: HttpListen, tls: Wanted['tls']): Wanted[] =>
    placesOf(entry.address, passed).map((place) => ({
      ...{ place, tls },
      ...{ mode: entry.mode, proxyProtocol: entry.proxyProtocol },
    }));
  return [
    ...http.flatMap((entry) => wanted(entry, null)),
    ...https.flatMap((entry) => wanted(entry, { certificates: entry.certificates, hsts: entry.hsts })),
  ];
}

/** Equal for what is listened on without being opened anew. */
export function keyOf({ place, tls }: Wanted): string {
  return `${tls ? 'https' : 'http'} ${placeWords(place)}${place.kind === 'passed' ? ` ${place.descriptor}` : ''}`;
}

/** Whether one of the two must be given up before the other can be taken. */
export function areInTheWay(one: Place, other: Place): boolean {
  if (one.kind === 'tcp') return other.kind === 'tcp' && one.port === other.port;
  return one.kind === 'unix' && other.kind === 'unix' && one.path === other.path;
}

/** As it stands in sentences. */
export function placeWords(place: Place): string {
  if (place.kind === 'unix') return `unix:${place.path}`;
  if (place.kind === 'passed') return `systemd:${place.name}`;
  return `${place.host === '' ? 'every address,' : place.host} port ${place.port}`;
}

/** The base URL of what is listened on, with the port that was really taken; of a Unix socket, its path. */
export function baseUrl({ place, tls }: Wanted, bound: AddressInfo | string | null): string {
  if (bound === null || typeof bound === 'string') return bound ? `unix:${bound}` : placeWords(place);
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return `${tls ? 'https' : 'http'}://${host}:${bound.port}`;
}

function placesOf(address: ListenAddress, passed: readonly PassedSocket[]): Place[] {
  if (address.kind !== 'systemd') return [address];
  const found = passed.filter(({ name }) => name === address.name);
  if (found.length > 0) return found.map((socket) => ({ kind: 'passed', ...socket }));
  const others = [...new Set(passed.map(({ name }) => name))].join(', ');
  const what = others === '' ? 'has passed no sockets to this process' : `has passed no such socket, only ${others}`;
  throw new MillpondError('invalid', `cannot listen on systemd:${address.name}: systemd ${what}`, {
    hint: 'Name it in the .socket unit with FileDescriptorName=, then restart the socket and the service.',
  });
}
