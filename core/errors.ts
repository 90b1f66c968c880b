/** What went wrong, in the words of the domain. HTTP statuses and exit codes are derived from these, never the reverse. */
export type ErrorCode =
  | 'invalid' // what was given cannot be used as it is
  | 'not-found' // the named thing does not exist
  | 'conflict' // the state forbids it now
  | 'refused' // not allowed, whoever asks
  | 'locked' // another program holds what is needed
  | 'no-space' // the disk is, or would become, full
  | 'unavailable' // a part outside this program does not answer
  | 'corrupt' // stored data cannot be trusted
  | 'internal'; // a fault of this program

/**
 * An error that is meant to be read by a person: one sentence of what failed, with the value quoted, and a hint of
 * what to do. Anything else that is thrown is a fault of the program: whole in the log, "internal" outside.
 */
export class MillpondError extends Error {
  readonly code: ErrorCode;
  /** What the reader can do about it; a full sentence, or empty. */
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillpondError';
    this.code = code;
    this.hint = options.hint ?? '';
  }
}

/** The message of anything that was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** The `code` of a Node system error (`ENOENT`, ...), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
