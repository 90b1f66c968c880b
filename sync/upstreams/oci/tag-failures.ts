import { OciError } from '../../../core/oci/errors.js';
import { isTag } from '../../../core/oci/names.js';
import { RunFailure } from '../../runs/run-failure.js';
import { failureClassOf, RegistryFailure, type RegistryFailureKind } from './registry-failure.js';

/** What is not the fault of one tag: asking for the next one would come to the same. */
const ENDS_THE_RUN: ReadonlySet<RegistryFailureKind> = new Set([
  'rate-limited',
  'connect',
  'certificate',
  'dns',
  'timeout',
]);
/** A registry that answers so often in a row that it cannot answer is left alone. */
const MOST_IN_A_ROW = 10;
const MOST_NAMED = 3;

/** Whether asking the registry for something else would come to the same. */
export function endsTheRun(error: unknown): boolean {
  return error instanceof RegistryFailure && ENDS_THE_RUN.has(error.kind);
}

/** Tags that did not come, which does not stop the others. */
export class TagFailures {
  readonly #failed = new Map<string, RegistryFailure | OciError>();
  #inARow = 0;

  constructor(private readonly log: { write(line: string): void }) {}

  get count(): number {
    return this.#failed.size;
  }

  /** Those that did not come, and parts of the repository that have no tag. */
  get names(): Iterable<string> {
    return this.#failed.keys();
  }

  /** @throws what was thrown, when it ends the run */
  add(tags: readonly string[], error: unknown): void {
    if (!(error instanceof RegistryFailure) && !(error instanceof OciError)) throw error;
    if (error instanceof RegistryFailure) {
      this.#inARow = error.kind === 'unavailable' ? this.#inARow + 1 : 0;
      if (endsTheRun(error) || this.#inARow >= MOST_IN_A_ROW) throw error;
    }
    for (const tag of tags) {
      this.#failed.set(tag, error);
      this.log.write(`${tag} did not come: ${error.message}`);
    }
  }

  succeeded(): void {
    this.#inARow = 0;
  }

  /** The end of the run that they make, as one sentence; null when there are none. `now` is milliseconds. */
  runFailure(now: number): RunFailure | null {
    const [first] = this.#failed.values();
    if (!first) return null;
    const named = [...this.#failed].slice(0, MOST_NAMED).map(([tag, { message }]) => `${tag} (${message})`);
    const more = this.count > MOST_NAMED ? ` and ${this.count - MOST_NAMED} more` : '';
    const what = [...this.names].every(isTag) ? 'tag' : 'part';
    const message = `${this.count} ${what}${this.count === 1 ? '' : 's'} did not come: ${named.join(', ')}${more}.`;
    const waits = [...this.#failed.values()].map(
      (error) => (error instanceof RegistryFailure && error.retryAfter) || 0,
    );
    return new RunFailure(classOf(first), message, null, notBefore(Math.max(...waits), now));
  }
}

/** A failure of the registry as the end of the run; anything else as it is. `now` is milliseconds. */
export function toRunFailure(error: unknown, now: number): unknown {
  if (!(error instanceof RegistryFailure)) return error;
  return new RunFailure(failureClassOf(error), `${error.message}.`, null, notBefore(error.retryAfter ?? 0, now));
}

function classOf(error: RegistryFailure | OciError): RunFailure['failure'] {
  return error instanceof RegistryFailure ? failureClassOf(error) : 'partial';
}

function notBefore(seconds: number, now: number): number | null {
  return seconds > 0 ? now + seconds * 1000 : null;
}
