import { MillpondError } from '../../core/errors.js';

/** One published tree, as rsync's clients find it. */
export interface RsyncModule {
  /** A mirror's name. */
  readonly name: string;
  readonly title: string;
  /** Absolute folder of one generation: a connection stays in it, whatever is published meanwhile. */
  readonly root: string;
  /** Networks in CIDR notation that may read it; null is everybody. */
  readonly networks: readonly string[] | null;
}

export interface RsyncdConf {
  /** Empty for every address of this machine. */
  readonly host: string;
  readonly port: number;
  /** At one time, in all modules; 0 sends everybody away. */
  readonly maxConnections: number;
  /** Seconds without a byte after which a connection is closed. */
  readonly idle: number;
  /** Whether clients may have whole trees read to compare checksums. */
  readonly checksum: boolean;
  /** Where it logs what it does. */
  readonly logFile: string;
  /** Where it counts its connections. */
  readonly lockFile: string;
  readonly modules: readonly RsyncModule[];
}

/** How a file is logged (read by transfer-log.ts): operation, bytes of the connection, path. */
export const TRANSFER_FORMAT = 'transfer %o %b %f';

/** The same as `isTransient` of core/tree-path.ts, as patterns of rsync: one of six characters is no small letter. */
const TRANSIENT = [
  ...['.~tmp~', '~tmp~', '.rsync-partial'],
  ...[0, 1, 2, 3, 4, 5].map((place) => {
    const six = [0, 1, 2, 3, 4, 5].map((each) => (each === place ? '[A-Z0-9]' : '[A-Za-z0-9]'));
    return `.?*.${six.join('')}`;
  }),
];

/** The text of an rsyncd.conf(5). @throws MillpondError invalid (a path that cannot be written there) */
export function rsyncdConf(conf: RsyncdConf): string {
  const lines = [
    ...(conf.host === '' ? [] : [`address = ${conf.host}`]),
    `port = ${conf.port}`,
    'use chroot = no', // needs root; published trees hold no link that leaves them
    'munge symlinks = no',
    'read only = yes',
    'list = yes',
    'numeric ids = yes',
    'reverse lookup = no',
    'forward lookup = no',
    `max connections = ${conf.maxConnections === 0 ? -1 : conf.maxConnections}`,
    `lock file = ${writablePath(conf.lockFile)}`,
    `timeout = ${conf.idle}`,
    // a checksum reads every byte of a tree for one request of a few bytes
    ...(conf.checksum ? [] : ['refuse options = checksum']),
    'dont compress = *', // packages are compressed: it would only cost time
    `exclude = ${TRANSIENT.join(' ')}`,
    `log file = ${writablePath(conf.logFile)}`,
    'transfer logging = yes',
    `log format = ${TRANSFER_FORMAT}`,
    ...sameUser(),
  ];
  for (const module of conf.modules) lines.push('', ...moduleLines(module));
  return `${lines.join('\n')}\n`;
}

/** As root, rsyncd would read as "nobody", who may not enter our folders. */
export function sameUser(): string[] {
  return process.getuid?.() === 0 ? ['uid = 0', 'gid = 0'] : [];
}

/**
 * rsyncd.conf(5) has no quoting: a line break would be a line, `%NAME%` a variable, a last backslash a continuation.
 * @throws MillpondError invalid
 */
export function writablePath(path: string): string {
  if (!/[\r\n%]|\\$|\s$/.test(path)) return path;
  throw new MillpondError('invalid', `the path ${JSON.stringify(path)} cannot be written into rsyncd.conf`, {
    hint: 'Choose a folder without line breaks and "%" in its path.',
  });
}

function moduleLines({ name, title, root, networks }: RsyncModule): string[] {
  return [
    `[${name}]`,
    `path = ${writablePath(root)}`,
    `comment = ${title.replace(/%(?=[A-Z])/g, '% ').replace(/\\+$/, '')}`,
    ...(networks === null ? [] : [networks.length > 0 ? `hosts allow = ${networks.join(' ')}` : 'hosts deny = *']),
  ];
}
