import type { TreeMirror } from '../core/mirror.js';
import type { ImageMirror, Registry } from '../core/oci/image-mirror.js';
import type { RetentionRule } from '../core/oci/retention.js';
import type { TrustedProxies, Zone } from '../core/zone.js';

/** Everything the operator wrote, checked, with defaults filled in and paths made absolute. Immutable. */
export interface Settings {
  /** Absolute path of the file this came from. */
  readonly file: string;
  readonly site: {
    readonly name: string;
    /** Public address without a trailing slash, or null when the operator gave none. */
    readonly url: string | null;
    readonly contact: string | null;
    /** Null where this server takes no part in MirrorZ. */
    readonly mirrorz: MirrorzSite | null;
  };
  /** Absolute path of the data folder. */
  readonly data: string;
  readonly listen: ListenSettings;
  /** Processes that serve published trees beside the main one; 0: it does that itself. */
  readonly workers: number;
  readonly sync: SyncSettings;
  readonly files: FileSettings;
  /** The log of what clients ask for; null is none. */
  readonly accessLog: AccessLogSettings | null;
  /** Absolute path of the log of a server before this one that serves files itself; null where there is none. */
  readonly frontLog: string | null;
  readonly help: {
    /** How often instructions for clients are tried out. */
    readonly check: 'daily' | 'never';
  };
  /** By name; all clients that are in none of their networks are in the zone `public`, which may be missing here. */
  readonly zones: ReadonlyMap<string, Zone>;
  readonly proxies: TrustedProxies;
  /** By name, in the order of the file. */
  readonly mirrors: ReadonlyMap<string, TreeMirror>;
  /** Upstream registries by name. */
  readonly registries: ReadonlyMap<string, Registry>;
  /** Repositories that are kept in step with an upstream registry, by name, in the order of the file. */
  readonly images: ReadonlyMap<string, ImageMirror>;
  readonly registry: RegistrySettings;
  /** Seconds that running downloads get to finish when the program is stopped. */
  readonly grace: number;
}

/** What MirrorZ shows of this server. Addresses are whole, null where there is none. */
export interface MirrorzSite {
  readonly abbr: string;
  readonly logo: string | null;
  readonly logoDark: string | null;
  readonly homepage: string | null;
  readonly issues: string | null;
  readonly requests: string | null;
  readonly group: string | null;
  readonly note: string | null;
  /** Path of a large file on this server. */
  readonly big: string | null;
  readonly families: readonly ('v4' | 'v6')[];
  /** Names of mirrors there, by their names here. */
  readonly names: ReadonlyMap<string, string>;
}

export interface ListenSettings {
  readonly http: readonly HttpListen[];
  readonly https: readonly HttpsListen[];
  /** Connections at a time; null is what the limit of open files allows. */
  readonly connections: number | null;
  /** Null where trees are not served over rsync. */
  readonly rsync: RsyncDaemonSettings | null;
}

export interface HttpListen {
  readonly address: ListenAddress;
  /** Who may use a Unix socket: permission bits; of other addresses without meaning. */
  readonly mode: number;
  /** Whether a proxy says of each connection whose it is (PROXY protocol, versions 1 and 2). */
  readonly proxyProtocol: boolean;
}

export interface HttpsListen extends HttpListen {
  /** Absolute paths of PEM files; the first is for clients that name no host, or one that none is made for. */
  readonly certificates: readonly CertificateFiles[];
  /** Seconds of Strict-Transport-Security; null says nothing. */
  readonly hsts: number | null;
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export type ListenAddress =
  | {
      readonly kind: 'tcp';
      /** Name or address without brackets; empty = every address of this machine, IPv6 and IPv4. */
      readonly host: string;
      /** 0 = any free port; the chosen one is printed. */
      readonly port: number;
    }
  | { readonly kind: 'unix'; readonly path: string }
  /** All sockets of that name which systemd passes (sd_listen_fds_with_names(3)). */
  | { readonly kind: 'systemd'; readonly name: string };

/** The rsync daemon by which published trees are served. */
export interface RsyncDaemonSettings {
  /** Host as of a ListenAddress; the port is never 0. */
  readonly address: { readonly host: string; readonly port: number };
  /** Clients at a time. */
  readonly maxConnections: number;
  /** Seconds after which a client that takes nothing is sent away. */
  readonly idle: number;
  /** Whether clients may compare checksums, for which all files are read. */
  readonly checksum: boolean;
}

export interface SyncSettings {
  /** Runs at a time, in all and for one upstream host. */
  readonly concurrency: number;
  readonly perHost: number;
  /** Seconds; a scheduled run starts up to so much later, by chance. */
  readonly jitter: number;
  /** Disk space that no run may use: a share (0 to 1) of the file system, or bytes. */
  readonly reserve: { readonly share: number } | { readonly bytes: number };
  /** Bytes a second for all pulls together; null is no limit. */
  readonly bandwidth: number | null;
  /** Runs (and their logs) that are kept: the newest so many, and those not older than so many days. */
  readonly keep: { readonly runs: number; readonly days: number };
}

/** Rules for all published files. */
export interface FileSettings {
  /** Files of more bytes are hashed before anybody asks; null is none. */
  readonly hashOver: number | null;
  /** Bytes a second that are read for that at most. */
  readonly hashRate: number;
}

/** How what clients ask for is logged. */
export interface AccessLogSettings {
  /** Absolute path. */
  readonly file: string;
  readonly format: 'combined' | 'json';
  /** How much of a client's address is written: its network, all of it, or nothing. */
  readonly addresses: 'truncated' | 'full' | 'none';
}

/** Rules of the registry that this server is. */
export interface RegistrySettings {
  /** Patterns of repositories (`config/name-pattern.ts`) that tokens may open for pushing; none is nobody pushes. */
  readonly push: readonly string[];
  /** Patterns of tags (`config/tag-pattern.ts`) that never move once they were pushed. */
  readonly immutable: readonly string[];
  /** What is kept of the tags that were pushed; the first rule that names repository and tag decides. */
  readonly retention: readonly RetentionRule[];
  /** Bytes that a manifest may have. */
  readonly maxManifest: number;
  /** Bytes a second that are read to look for blobs that have gone bad. */
  readonly scrub: { readonly rate: number };
  readonly keep: {
    /** Seconds that a pushed manifest stays which no tag and no other manifest names. */
    readonly untagged: number;
    /** Former digests that are kept of each tag. */
    readonly history: number;
    /** Seconds that anything stays which nothing refers to: a push must be whole by then. */
    readonly grace: number;
  };
}
