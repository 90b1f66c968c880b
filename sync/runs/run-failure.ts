import type { FailureClass } from '../../core/failure.js';

/** A run cannot go on, for a reason that has a class. The message is one sentence for people. */
export class RunFailure extends Error {
  constructor(
    readonly failure: FailureClass,
    message: string,
    readonly exitCode: number | null = null,
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
