import type { FailureClass } from './failure.js';
import type { RunPhase } from './run.js';

/** The state of a mirror in one word. */
export type VerdictWord =
  | 'paused'
  | 'held'
  | 'quarantined'
  | 'stuck'
  | 'running'
  | 'queued'
  | 'new'
  | 'retrying'
  | 'refused'
  | 'upstream-down'
  | 'failing'
  | 'late'
  | 'behind'
  | 'upstream-idle'
  | 'current'
  | 'frozen'
  | 'cache'
  | 'proxy';

export interface VerdictSign {
  /** Shown before the word, so that colour is never the only sign. */
  readonly shape: '●' | '◐' | '▲' | '✕' | '‖' | '◇';
  readonly tone: 'good' | 'active' | 'warn' | 'bad' | 'calm';
  readonly label: string;
  /** Place in a list of what needs attention, worst first from 0; null = needs none. */
  readonly attention: number | null;
}

export const VERDICT_SIGNS: Readonly<Record<VerdictWord, VerdictSign>> = {
  failing: { shape: '✕', tone: 'bad', label: 'failing', attention: 0 },
  quarantined: { shape: '✕', tone: 'bad', label: 'quarantined', attention: 1 },
  held: { shape: '‖', tone: 'bad', label: 'held', attention: 2 },
  stuck: { shape: '▲', tone: 'bad', label: 'stuck', attention: 3 },
  refused: { shape: '◇', tone: 'bad', label: 'refused', attention: 4 },
  'upstream-down': { shape: '◇', tone: 'warn', label: 'upstream down', attention: 5 },
  late: { shape: '▲', tone: 'warn', label: 'late', attention: 6 },
  retrying: { shape: '◐', tone: 'warn', label: 'retrying', attention: 7 },
  paused: { shape: '‖', tone: 'calm', label: 'paused', attention: 8 },
  new: { shape: '◐', tone: 'calm', label: 'new', attention: null },
  behind: { shape: '◐', tone: 'active', label: 'behind', attention: null },
  queued: { shape: '◐', tone: 'active', label: 'queued', attention: null },
  running: { shape: '◐', tone: 'active', label: 'fetching', attention: null },
  'upstream-idle': { shape: '◇', tone: 'good', label: 'upstream idle', attention: null },
  frozen: { shape: '●', tone: 'good', label: 'archive', attention: null },
  cache: { shape: '●', tone: 'good', label: 'cache', attention: null },
  proxy: { shape: '●', tone: 'good', label: 'proxy', attention: null },
  current: { shape: '●', tone: 'good', label: 'current', attention: null },
};

const FAILURE_WORDS: Readonly<Record<FailureClass, string>> = {
  connect: 'the upstream cannot be reached',
  dns: 'the name of the upstream cannot be resolved',
  refused: 'the upstream refuses us',
  tls: 'the certificate of the upstream cannot be trusted',
  partial: 'some files did not come',
  updating: 'the upstream is in the middle of an update',
  checksum: 'files came damaged',
  timeout: 'it took too long, or no data came',
  'disk-full': 'our disk is full',
  local: 'this machine is at fault',
  killed: 'the fetch was killed',
};

const PHASE_WORDS: Readonly<Record<RunPhase, string>> = {
  queued: 'waiting',
  probe: 'asking the upstream whether anything is new',
  wait: 'waiting until the upstream has finished its own update',
  admit: 'checking for free space',
  prepare: 'preparing the new tree',
  pull: 'transferring files',
  verify: 'verifying the new tree',
  guard: 'comparing it with what is published',
  publish: 'publishing what is new',
  account: 'writing the books',
  ended: 'done',
};

/** What a phase of a run does, as a fragment of a sentence. */
export function phaseWords(phase: RunPhase): string {
  return PHASE_WORDS[phase];
}

/** Why a run failed, as a fragment of a sentence. */
export function failureWords(failure: FailureClass): string {
  return FAILURE_WORDS[failure];
}
