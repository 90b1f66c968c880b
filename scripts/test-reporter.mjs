// Counts test results: prints each skipped test with its reason and one line of totals, which `.ci/run` reads.
// In CI (`CI=true`) a skipped test is a failure.
const SHOWN = 20;

export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state) => tests.filter((test) => test.result().state === state).length;
    // a file that cannot be loaded, or an error outside of any test, has no test of its own that fails
    const broken = modules.filter((module) => module.errors().length > 0).length;
    const passed = count('passed');
    const failed = count('failed') + broken + unhandledErrors.length;
    const skipped = tests.length - passed - count('failed');
    this.#showSkipped(tests.filter((test) => !['passed', 'failed'].includes(test.result().state)));
    console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped`);
    if (skipped > 0 && process.env.CI === 'true') process.exitCode = 1;
  }

  #showSkipped(tests) {
    for (const test of tests.slice(0, SHOWN)) {
      const note = test.result().note ?? 'no reason given';
      console.log(`skipped: ${test.module.relativeModuleId}: ${test.fullName}: ${note}`);
    }
    if (tests.length > SHOWN) console.log(`skipped: ${tests.length - SHOWN} more`);
  }
}
