/**
 * Counts what this process writes about each mirror or repository of images: what was made of the records is of now as
 * long as the number is the same. One number a name that was ever written about.
 */
export class MirrorRevisions {
  readonly #numbers = new Map<string, number>();

  of(mirror: string): number {
    return this.#numbers.get(mirror) ?? 0;
  }

  /** Called by whatever writes what a status is made of; once too often costs a look at the records, never a wrong answer. */
  bump(mirror: string): void {
    this.#numbers.set(mirror, this.of(mirror) + 1);
  }
}
