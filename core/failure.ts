/** Why a run failed, as a class that decides what happens next. */
export type FailureClass =
  | 'connect' // upstream cannot be reached, or breaks off
  | 'dns'
  | 'tls' // the certificate of upstream is not trusted, expired or for another name
  | 'refused' // upstream answers and says no: access, password, no such module, too many connections
  | 'partial' // some files did not come
  | 'updating' // upstream is in the middle of an update, and stays so
  | 'checksum' // what came is not what was sent
  | 'timeout' // over the time limit, or no byte for too long
  | 'disk-full'
  | 'local' // this machine: permissions, missing program, unusable option
  | 'killed'; // ended by a signal that was not ours

export interface FailureRule {
  /** Whether trying again without a change by a person can help. */
  readonly retry: boolean;
  /** Factor on the configured back-off: what is likely to last is asked again later. */
  readonly backoffFactor: number;
}

export const FAILURE_RULES: Readonly<Record<FailureClass, FailureRule>> = {
  connect: { retry: true, backoffFactor: 4 },
  dns: { retry: true, backoffFactor: 4 },
  tls: { retry: true, backoffFactor: 4 },
  refused: { retry: true, backoffFactor: 4 },
  partial: { retry: true, backoffFactor: 1 },
  updating: { retry: true, backoffFactor: 4 },
  checksum: { retry: true, backoffFactor: 1 },
  timeout: { retry: true, backoffFactor: 2 },
  'disk-full': { retry: false, backoffFactor: 1 },
  local: { retry: false, backoffFactor: 1 },
  killed: { retry: true, backoffFactor: 1 },
};

/**
 * Seconds to wait before try number `attempt + 1`, or null when there is none.
 * Doubles with each try, never over `maxBackoff`; `attempt` counts from 1.
 */
export function backoffAfter(
  failure: FailureClass,
  attempt: number,
  rule: { attempts: number; firstBackoff: number; maxBackoff: number },
): number | null {
  const { retry, backoffFactor } = FAILURE_RULES[failure];
  if (!retry || attempt >= rule.attempts) return null;
  return Math.min(rule.firstBackoff * backoffFactor * 2 ** (attempt - 1), rule.maxBackoff);
}
