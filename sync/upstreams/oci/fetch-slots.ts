/** A place in the line for one of a bounded number of slots. */
export interface Ticket {
  /** Resolves when it is its turn. */
  readonly turn: Promise<void>;
  /** Gives the slot, or the place in the line, to the next one. May be called twice. */
  leave(): void;
}

/** So many may be under way at once, in the order in which they came. */
export class FetchSlots {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  enter(): Ticket {
    let isMine = this.#free > 0;
    let hasLeft = false;
    let take = (): void => undefined;
    if (isMine) this.#free--;
    const turn = isMine
      ? Promise.resolve()
      : new Promise<void>((resolve) => {
          take = () => {
            isMine = true;
            resolve();
          };
          this.#waiting.push(take);
        });
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      if (isMine) this.#handOn();
      else this.#waiting.splice(this.#waiting.indexOf(take), 1);
    };
    return { turn, leave };
  }

  #handOn(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
