// `npm start`: sets up what is missing, then runs the program in this same process, so that signals reach it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDebianPackages, START_PACKAGES } from './debian-packages.mjs';
import { prepare, ROOT, runScript } from './setup.mjs';

await runScript(async () => {
  await prepare();
  await ensureDebianPackages(START_PACKAGES);
  const args = process.argv.slice(2);
  const main = join(ROOT, 'dist', 'cli', 'main.js');
  process.argv = [process.execPath, main, hasConfiguration(args) ? 'serve' : 'quickstart', ...args];
  await import('../dist/cli/main.js');
});

/** Whether there is a configuration of the operator's; without one the quick start runs. */
function hasConfiguration(args) {
  return (
    args.some((arg) => arg === '--config' || arg === '-c' || arg.startsWith('--config=')) ||
    Boolean(process.env.MILLPOND_CONFIG) ||
    existsSync('millpond.yaml') ||
    existsSync('/etc/millpond/millpond.yaml')
  );
}
