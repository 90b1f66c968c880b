import { systemCode } from '../core/errors.js';

const UNTRUSTED =
  'is from no authority that is trusted here: if that one is right, start Millpond with ' +
  'NODE_EXTRA_CA_CERTS=<PEM file with its certificate>';
const INVALID = 'is not one that can be trusted, and has to be replaced there';

/** By the codes of OpenSSL's verification and of Node's look at the name: what is wrong, and what to do. */
const FAULTS: ReadonlyMap<string, string> = new Map([
  ...[
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_UNTRUSTED',
  ].map((code) => [code, UNTRUSTED] as const),
  ['CERT_HAS_EXPIRED', 'has expired: it has to be renewed there, unless the clock of this machine is wrong'],
  ['CERT_NOT_YET_VALID', 'is not valid yet: is the clock of this machine right?'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'is for other names: ask by one of those, or have this one added there'],
  ...[
    'CERT_CHAIN_TOO_LONG',
    'CERT_REJECTED',
    'CERT_REVOKED',
    'CERT_SIGNATURE_FAILURE',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
  ].map((code) => [code, INVALID] as const),
]);

/** What is wrong with the certificate of a TLS server, to follow its name, and what to do; null for any other failure. */
export function certificateFault(error: unknown): string | null {
  return FAULTS.get(systemCode(error) ?? '') ?? null;
}
