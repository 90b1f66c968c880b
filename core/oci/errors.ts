/**
 * The catalogue of errors of the distribution API (OCI distribution specification 1.1, "Error Codes"), with Docker's
 * extras that clients know: HTTP status and the sentence that is sent where nothing better is known.
 */
export const OCI_ERRORS = {
  BLOB_UNKNOWN: { status: 404, message: 'this blob is not in the repository' },
  BLOB_UPLOAD_INVALID: { status: 400, message: 'the upload cannot go on like this' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'there is no such upload in this repository' },
  DENIED: { status: 403, message: 'this is not allowed here' },
  DIGEST_INVALID: { status: 400, message: 'the digest is not one, or is not that of the content' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, message: 'the manifest names something that is not in the repository' },
  MANIFEST_INVALID: { status: 400, message: 'the manifest cannot be read as what it is said to be' },
  MANIFEST_UNKNOWN: { status: 404, message: 'this manifest is not in the repository' },
  NAME_INVALID: { status: 400, message: 'this is not the name of a repository' },
  NAME_UNKNOWN: { status: 404, message: 'there is no such repository here' },
  PAGINATION_NUMBER_INVALID: { status: 400, message: 'n must be a whole number of 0 or more' },
  RANGE_INVALID: { status: 416, message: 'this range does not follow what is here' },
  SIZE_INVALID: { status: 400, message: 'the length is not that of the content' },
  TAG_INVALID: { status: 400, message: 'this is not a tag' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  UNAUTHORIZED: { status: 401, message: 'this needs a token' },
  UNAVAILABLE: { status: 503, message: 'the upstream registry does not answer' },
  UNSUPPORTED: { status: 405, message: 'this registry does not do that here' },
  UNKNOWN: { status: 500, message: 'something went wrong inside this registry' },
} as const;

export type OciErrorCode = keyof typeof OCI_ERRORS;

export interface OciErrorDetails {
  /** Instead of the sentence of the catalogue. */
  readonly message?: string;
  /** Where the same code has another status: 413 for a manifest that is too large, 405 where deletion is off. */
  readonly status?: number;
  /** Seconds, for a Retry-After field. */
  readonly retryAfter?: number;
  /** Header fields of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly detail?: unknown;
  readonly cause?: unknown;
}

/** An answer of the distribution API that says no. Nothing in it is secret. */
export class OciError extends Error {
  readonly status: number;

  constructor(
    readonly code: OciErrorCode,
    readonly details: OciErrorDetails = {},
  ) {
    super(
      details.message ?? OCI_ERRORS[code].message,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'OciError';
    this.status = details.status ?? OCI_ERRORS[code].status;
  }
}
