// `npm run asan`: the tests of the addon with AddressSanitizer and UBSan, in a build of its own. Leaks are not looked for:
// Node itself leaves much to the end of its process.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileNative } from './native.mjs';
import { prepare, ROOT, runScript, SetupProblem } from './setup.mjs';

const FLAGS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer', '-g'];
const TESTS = [
  'test/server/files/body-writer.test.ts',
  'test/server/files/kernel-road.test.ts',
  'test/platform/read-at-once.test.ts',
];
const LONGEST_MS = 600_000;

await runScript(async () => {
  await prepare();
  const folder = mkdtempSync(join(tmpdir(), 'millpond-asan-'));
  try {
    const addon = join(folder, 'sanitized.node');
    const problem = compileNative(ROOT, addon, FLAGS);
    if (problem !== null) throw new SetupProblem(`the addon cannot be built with AddressSanitizer: ${problem}`);
    const status = test(folder, addon);
    if (!existsSync(join(folder, 'loaded'))) throw new SetupProblem('the tests did not load the addon');
    const reports = reportsIn(folder);
    for (const report of reports) process.stdout.write(`${report}\n`);
    process.stdout.write(`sanitizers: ${reports.length} reports\n`);
    process.exitCode = status !== 0 || reports.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function test(folder, addon) {
  const redirect = join(folder, 'redirect.cjs');
  writeFileSync(redirect, redirectTo(addon, join(folder, 'loaded')));
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const log = `log_path=${join(folder, 'report')}`;
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--pool=forks', ...TESTS], {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: LONGEST_MS,
    env: {
      ...process.env,
      NODE_OPTIONS: `--require=${redirect}`,
      LD_PRELOAD: execFileSync(process.env.CC || 'cc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
      ASAN_OPTIONS: `detect_leaks=0:${log}`,
      UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
    },
  });
  return status ?? 1;
}

/** Loaded before anything else: whoever asks for the addon gets this one. */
function redirectTo(addon, mark) {
  return `const Module = require('node:module');
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  if (!request.endsWith('/native/build/sendfile.node')) return resolve.call(this, request, ...rest);
  require('node:fs').writeFileSync(${JSON.stringify(mark)}, '');
  return ${JSON.stringify(addon)};
};
`;
}

/** What the sanitizers wrote, a file a process. */
function reportsIn(folder) {
  const logs = readdirSync(folder).filter((name) => name.startsWith('report'));
  return logs.map((name) => readFileSync(join(folder, name), 'utf8'));
}
