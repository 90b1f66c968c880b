import { join } from 'node:path';
import type { SlotName } from '../core/generation.js';
import type { Digest } from '../core/oci/digest.js';
import type { VerifierKind } from '../core/verify.js';

/**
 * The drawing of the disk, and the only file that joins these paths:
 *
 *   <data>/
 *     state.db                      SQLite (WAL)
 *     run/control.sock              admin API; run/lock.db is held while a program uses the folder
 *     run/workers.sock              what workers pass on, mode 0600
 *     run/known_hosts               keys of ssh upstreams
 *     run/front-log.json            how far the log of a server in front was read
 *     run/rsyncd.conf               of the rsync daemon; beside it the pipe of its log, and where it counts connections
 *     run/markers/<mirror>/         a marker that is being read between runs
 *     run/blobs-settled             there while no program runs, when the last one has stopped cleanly
 *     registry.key                  what the registry signs its access tokens with, mode 0600
 *     logs/<mirror>/<run-id>.log
 *     mirrors/<mirror>/
 *       slots/a/  slots/b/          complete trees, hard-linked to each other
 *       live -> slots/a             the published one; replaced by rename(2)
 *       partial/                    what rsync is receiving, where the tree is published in place
 *       changes/a  changes/b        rsync's itemised list of what a slot got since it was last equal to the other
 *       probe/                      the marker as upstream has it
 *       kept/@2026-11-23T06:00Z/    a generation that is kept, hard-linked to the slots; kept/new while it is made,
 *                                   kept/gone-... while it is removed
 *       lists/                      upstream's list of files, and what is to be fetched by it
 *       verified/<kind>/            what indexes of the live tree name, so that only what changes is looked at again
 *       suspects                    files of the staging slot that are to be fetched again, each ended by a NUL
 *     public/<mirror> -> ../mirrors/<mirror>/live
 *     blobs/sha256/ab/abcd...         whole bytes under the name of their digest: layers, configurations, manifests
 *     blobs/aside/<algorithm>-<hex>   those whose bytes were found to be wrong, or that were about to be removed
 *     uploads/<id>                    what is being pushed; uploads/fetch-<algorithm>-<hex> what is being fetched
 */
export class Layout {
  constructor(readonly data: string) {}

  get stateDb(): string {
    return join(this.data, 'state.db');
  }
  get runFolder(): string {
    return join(this.data, 'run');
  }
  get controlSocket(): string {
    return join(this.runFolder, 'control.sock');
  }
  /** Where workers pass on what they do not serve themselves. */
  get workersSocket(): string {
    return join(this.runFolder, 'workers.sock');
  }
  get lockDb(): string {
    return join(this.runFolder, 'lock.db');
  }
  /** Host keys of ssh upstreams, learnt at the first connection. */
  get knownHosts(): string {
    return join(this.runFolder, 'known_hosts');
  }
  get rsyncdConf(): string {
    return join(this.runFolder, 'rsyncd.conf');
  }
  get rsyncdLog(): string {
    return join(this.runFolder, 'rsyncd.log');
  }
  get rsyncdLock(): string {
    return join(this.runFolder, 'rsyncd.lock');
  }
  /** How far the log of a server in front was read. */
  get frontLogPlace(): string {
    return join(this.runFolder, 'front-log.json');
  }
  /** 32 random bytes; without them clients of the registry have to log in again. */
  get registryKey(): string {
    return join(this.data, 'registry.key');
  }
  /** Written at a clean stop and taken away at the start: without it the blobs on the disk are compared with the records. */
  get blobsSettled(): string {
    return join(this.runFolder, 'blobs-settled');
  }
  /** Where a marker is received between runs. */
  markerWatch(mirror: string): string {
    return join(this.runFolder, 'markers', mirror);
  }
  get mirrorsFolder(): string {
    return join(this.data, 'mirrors');
  }
  get publicFolder(): string {
    return join(this.data, 'public');
  }
  publicLink(mirror: string): string {
    return join(this.publicFolder, mirror);
  }
  logFolder(mirror: string): string {
    // names of images hold slashes
    return join(this.data, 'logs', mirror.replaceAll('/', '~'));
  }
  log(mirror: string, runId: number): string {
    return join(this.logFolder(mirror), `${runId}.log`);
  }
  /** Where what a mirror brings is written: the folder of a tree may be a file system of its own. */
  target({ kind, name }: { readonly kind: string; readonly name: string }): string {
    return kind === 'oci' ? this.data : this.mirror(name);
  }
  mirror(mirror: string): string {
    return join(this.mirrorsFolder, mirror);
  }
  slot(mirror: string, slot: SlotName): string {
    return join(this.mirror(mirror), 'slots', slot);
  }
  /** A slot while it is built by linking; renamed to its name when it is complete. */
  newSlot(mirror: string, slot: SlotName): string {
    return `${this.slot(mirror, slot)}.new`;
  }
  slotsFolder(mirror: string): string {
    return join(this.mirror(mirror), 'slots');
  }
  live(mirror: string): string {
    return join(this.mirror(mirror), 'live');
  }
  partial(mirror: string): string {
    return join(this.mirror(mirror), 'partial');
  }
  changes(mirror: string, slot: SlotName): string {
    return join(this.mirror(mirror), 'changes', slot);
  }
  keptFolder(mirror: string): string {
    return join(this.mirror(mirror), 'kept');
  }
  kept(mirror: string, stamp: string): string {
    return join(this.keptFolder(mirror), `@${stamp}`);
  }
  /** One while it is made; renamed to its name when it is complete. */
  newKept(mirror: string): string {
    return join(this.keptFolder(mirror), 'new');
  }
  /** One while it is removed. */
  goneKept(mirror: string, stamp: string): string {
    return join(this.keptFolder(mirror), `gone-${stamp}`);
  }
  probe(mirror: string): string {
    return join(this.mirror(mirror), 'probe');
  }
  lists(mirror: string): string {
    return join(this.mirror(mirror), 'lists');
  }
  verified(mirror: string, kind: VerifierKind): string {
    return join(this.mirror(mirror), 'verified', kind);
  }
  suspects(mirror: string): string {
    return join(this.mirror(mirror), 'suspects');
  }
  get blobsFolder(): string {
    return join(this.data, 'blobs');
  }
  /** `digest` must be one of a known algorithm. */
  blob(digest: Digest): string {
    const [algorithm = '', hex = ''] = digest.split(':');
    return join(this.blobsFolder, algorithm, hex.slice(0, 2), hex);
  }
  get asideFolder(): string {
    return join(this.blobsFolder, 'aside');
  }
  aside(digest: Digest): string {
    return join(this.asideFolder, digest.replace(':', '-'));
  }
  get uploadsFolder(): string {
    return join(this.data, 'uploads');
  }
  upload(id: string): string {
    return join(this.uploadsFolder, id);
  }
  fetch(digest: Digest): string {
    return join(this.uploadsFolder, `fetch-${digest.replace(':', '-')}`);
  }
  /** What `live` and `public/<mirror>` point to, relative to their own folders. */
  liveTarget(slot: SlotName): string {
    return join('slots', slot);
  }
  publicTarget(mirror: string): string {
    return join('..', 'mirrors', mirror, 'live');
  }
}
