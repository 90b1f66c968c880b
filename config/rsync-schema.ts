import * as z from 'zod';
import * as field from './fields.js';
import { parseListenAddress } from './listen-address.js';
import type { RsyncDaemonSettings } from './settings.js';

const MAX_CONNECTIONS = 50;
const IDLE_S = 600;

const address = field.parsed(
  'an address for rsync: write it as :873 for every address, 192.0.2.1:873, or [2001:db8::1]:873',
  parseRsyncAddress,
  { description: 'Address and port. ":873" is every address of this machine.', examples: [':873'] },
);

const section = field.section({
  address,
  max_connections: field
    .whole(1, 10_000, { description: 'Clients at a time; others are told to come later.' })
    .prefault(MAX_CONNECTIONS),
  idle: field
    .duration('10s', '1d', { description: 'A client that takes nothing for so long is sent away.' })
    .prefault('10m'),
  checksum: z
    .boolean()
    .prefault(false)
    .meta({ description: 'Allow `rsync --checksum`, by which one client has all files of a tree read.' }),
});

/** `listen.rsync`: an address, or a section with one. */
export const rsyncDaemon = z
  .union([address, section], { error: field.mustBe('an address, or a section with one') })
  .meta({ description: 'Where trees are served over rsync, a module a mirror. Default: nowhere.', examples: [':873'] })
  .transform((value) =>
    'address' in value ? value : { address: value, max_connections: MAX_CONNECTIONS, idle: IDLE_S, checksum: false },
  );

/** Null where nothing is said of it. */
export function resolveRsync(raw: z.output<typeof rsyncDaemon> | undefined): RsyncDaemonSettings | null {
  if (!raw) return null;
  const { address, max_connections: maxConnections, idle, checksum } = raw;
  return { address, maxConnections, idle, checksum };
}

function parseRsyncAddress(text: string): RsyncDaemonSettings['address'] | undefined {
  const found = parseListenAddress(text);
  // clients must know the port
  return found?.kind === 'tcp' && found.port !== 0 ? { host: found.host, port: found.port } : undefined;
}
