// `npm test [-- arguments of vitest]`: sets up what is missing, then runs the tests.
import { delimiter, join } from 'node:path';
import { ensureDebianPackages, SYSTEM_FOLDERS, TEST_PACKAGES } from './debian-packages.mjs';
import { checkNode, prepare, ROOT, run, runScript } from './setup.mjs';

await runScript(async () => {
  checkNode();
  await ensureDebianPackages(TEST_PACKAGES); // first: the compiler of the addon is one of them
  await prepare();
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${join(ROOT, 'scripts', 'test-reporter.mjs')}`];
  const PATH = [process.env.PATH, ...SYSTEM_FOLDERS].join(delimiter); // nginx and sshd for ordinary users
  process.exitCode = await run(process.execPath, [vitest, 'run', ...reporters, ...process.argv.slice(2)], {
    cwd: ROOT,
    env: { ...process.env, PATH },
  });
});
