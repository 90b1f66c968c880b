// `npm run bench -- <name>`: sets up what is missing, then runs a measurement.
import { join } from 'node:path';
import { ensureDebianPackages, BENCH_PACKAGES } from './debian-packages.mjs';
import { prepare, ROOT, run, runScript } from './setup.mjs';

await runScript(async () => {
  await prepare();
  await ensureDebianPackages(BENCH_PACKAGES);
  process.exitCode = await run(process.execPath, [join(ROOT, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)]);
});
