// `npm run help-check [-- mirror]`: lets the running program try out the instructions of its mirrors.
import { join } from 'node:path';
import { prepare, ROOT, run, runScript } from './setup.mjs';

await runScript(async () => {
  await prepare();
  const main = join(ROOT, 'dist', 'cli', 'main.js');
  process.exitCode = await run(process.execPath, [main, 'help-check', ...process.argv.slice(2)]);
});
