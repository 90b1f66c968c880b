import { MillpondError } from '../../../core/errors.js';
import { OciError } from '../../../core/oci/errors.js';
import type { BlobReader } from '../../../core/oci/on-demand.js';
import { HttpFailure } from '../../../platform/http-client.js';
import { isDiskFull } from '../../runs/run-failure.js';
import { RegistryFailure } from './registry-failure.js';

/** Where upstream does not say when to come back. Seconds. */
const RETRY_AFTER = 30;

/**
 * What a client is told of a failure: that something is unknown only where upstream itself says so. Anything that is not
 * the fault of an upstream or of a full disk stays what it is.
 */
export function toOciError(error: unknown, unknownAs: 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN'): unknown {
  if (error instanceof OciError) return error.code === 'MANIFEST_INVALID' ? unusable(error) : error;
  if (isDiskFull(error)) return unavailable('there is no room on the disk for what upstream has', error);
  if (error instanceof MillpondError) return unavailable('the upstream registry cannot be asked', error);
  if (!(error instanceof RegistryFailure)) return error;
  const { kind, retryAfter } = error;
  // the sentence of a connection names hosts, which may be internal ones
  const message = error.cause instanceof HttpFailure ? 'the upstream registry cannot be reached' : error.message;
  if (kind === 'not-found') return new OciError(unknownAs, { message, cause: error });
  if (kind === 'denied' || kind === 'unauthorized') return new OciError('DENIED', { message, cause: error });
  if (kind !== 'rate-limited') return unavailable(message, error, retryAfter ?? RETRY_AFTER);
  return new OciError('TOOMANYREQUESTS', { message, retryAfter: retryAfter ?? RETRY_AFTER, cause: error });
}

/** Whether a tag is given as it is here, when it could not be brought in step: for any fault but one of this program. */
export function isStaleBetter(error: unknown): boolean {
  return error instanceof RegistryFailure || error instanceof OciError || isDiskFull(error);
}

/** Readers of a blob are told of a failure as everybody else is. */
export function withOciErrors(reader: BlobReader): BlobReader {
  return {
    size: reader.size,
    async *read(first, last) {
      try {
        yield* reader.read(first, last);
      } catch (error) {
        throw toOciError(error, 'BLOB_UNKNOWN');
      }
    },
  };
}

function unavailable(message: string, cause: unknown, retryAfter = RETRY_AFTER): OciError {
  return new OciError('UNAVAILABLE', { message, retryAfter, cause });
}

/** What upstream has is no fault of the client. */
function unusable(error: OciError): OciError {
  return new OciError('MANIFEST_INVALID', { message: `at upstream: ${error.message}`, status: 502, cause: error });
}
