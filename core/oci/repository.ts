import type { Digest } from './digest.js';

/** `mirrored`: kept in step by the sync. `cached`: fetched when a client asked. `hosted`: pushed to us. */
export type RepositoryOrigin = 'mirrored' | 'cached' | 'hosted';

/** A repository of images here. Times are milliseconds since the epoch, UTC. */
export interface Repository {
  readonly name: string;
  readonly origin: RepositoryOrigin;
  readonly createdAt: number;
}

export interface Tag {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly movedAt: number;
  /** When it was last compared with upstream; null where there is none. */
  readonly checkedAt: number | null;
  /** Since when it could not be compared with upstream or brought in step; null where that went well when last tried. */
  readonly staleSince: number | null;
  readonly pulledAt: number | null;
  readonly pulls: number;
}

/** A digest that a tag had, from `movedAt` until `replacedAt`. */
export interface FormerTag {
  readonly id: number;
  readonly tag: string;
  readonly digest: Digest;
  readonly movedAt: number;
  readonly replacedAt: number;
}
