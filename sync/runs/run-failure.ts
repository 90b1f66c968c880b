import type { FailureClass } from '../../core/failure.js';

/** A run cannot go on, for a reason that has a class. The message is one sentence for people. */
export class RunFailure extends Error {
  constructor(
    readonly failure: FailureClass,
    message: string,
    readonly exitCode: number | null = null,
    /** Before then trying again is in vain, as upstream says; milliseconds since the epoch, or null. */
    readonly notBefore: number | null = null,
  ) {
    super(message);
    this.name = 'RunFailure';
  }
}

/** The reason with which a run's signal is aborted. */
export class RunStop extends Error {
  constructor(
    readonly kind: 'cancelled' | 'timeout' | 'shutdown',
    message: string,
  ) {
    super(message);
    this.name = 'RunStop';
  }
}

/** Of the file system, of its quota, of the database on it, or as this program says it. */
const DISK_FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'no-space']);

/** Whether a run came to its end because the disk is full, whoever noticed it first. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof RunFailure) return error.failure === 'disk-full';
  return typeof error === 'object' && error !== null && 'code' in error && DISK_FULL_CODES.has(error.code);
}
