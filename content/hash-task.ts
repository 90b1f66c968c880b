import type { FileHash } from '../core/file-hash.js';

/** What a thread of `HashThread` is told to do. The descriptor stays open until it has answered. */
export interface HashTask {
  readonly fd: number;
  /** Bytes. */
  readonly size: number;
  /** Two numbers that both sides see: what is to happen (HURRY and so on), and how many blocks were hashed. */
  readonly shared: Int32Array;
  /** Bytes a second, and the share of the time, that it may take; null for as fast as it can. */
  readonly pace: { readonly rate: number; readonly share: number } | null;
}

export type HashAnswer = { readonly hash: FileHash } | { readonly failure: string; readonly code: string | undefined };

/** Indexes and values of `HashTask.shared`. */
export const WISH = 0;
export const DONE_BLOCKS = 1;
export const GO_ON = 0;
export const HURRY = 1;
export const STOP = 2;
