import { expect } from 'vitest';

/** That a case fails an expectation: a list of differences that is stale would hide the next one. */
export async function expectDifference(run: Promise<void>): Promise<void> {
  const outcome = await run.then(
    () => 'passed',
    (error: unknown) => {
      rethrowUnlessExpectation(error);
      return 'failed';
    },
  );
  expect(outcome, 'it no longer differs here: take the case off the list').toBe('failed');
}

/** That a case passes or fails an expectation. */
export async function expectEither(run: Promise<void>): Promise<void> {
  await run.catch(rethrowUnlessExpectation);
}

/** A connection that breaks, a process that is gone, or a mistake in the case is no difference of the server. */
function rethrowUnlessExpectation(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'AssertionError') throw error;
}
