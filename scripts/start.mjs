// `npm start`: sets up what is missing, then runs the program in this same process, so that signals reach it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHIVE_PACKAGES, ensureDebianPackages, START_PACKAGES } from './debian-packages.mjs';
import { prepare, ROOT, runScript, say, SetupProblem } from './setup.mjs';

await runScript(async () => {
  await prepare();
  await ensureDebianPackages(START_PACKAGES);
  const args = process.argv.slice(2);
  const verb = hasConfiguration(args) ? 'serve' : 'quickstart';
  if (verb === 'quickstart') await ensureArchiveTools();
  process.argv = [process.execPath, join(ROOT, 'dist', 'cli', 'main.js'), verb, ...args];
  await import('../dist/cli/main.js');
});

/** The quick start does without them, with a plain tree in place of a signed archive. */
async function ensureArchiveTools() {
  try {
    await ensureDebianPackages(ARCHIVE_PACKAGES);
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    say(`${error.message}\nmillpond: the quick start goes on with a plain tree instead of a signed apt repository`);
  }
}

/** Whether there is a configuration of the operator's; without one the quick start runs. */
function hasConfiguration(args) {
  return (
    args.some((arg) => arg === '--config' || arg === '-c' || arg.startsWith('--config=')) ||
    Boolean(process.env.MILLPOND_CONFIG) ||
    existsSync('millpond.yaml') ||
    existsSync('/etc/millpond/millpond.yaml')
  );
}
