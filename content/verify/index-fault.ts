/** What is wrong with an index: the end of a sentence that begins with its path. */
export class IndexFault extends Error {
  constructor(
    readonly problem: string,
    /** Files that may be right when they are fetched again (bytes in latin1). */
    readonly fetchAgain: readonly string[],
  ) {
    super(problem);
    this.name = 'IndexFault';
  }
}
