// The steps that `npm start`, `npm test` and `npm run bench` need before they can run. Only Node's own modules are used
// here, since nothing else is installed yet. A step says in one line what it does, and nothing when it is done already.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildNative } from './native.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const OLDEST_NODE = [20, 19];
const SOURCE_FOLDERS = ['core', 'config', 'platform', 'store', 'content', 'sync', 'server', 'cli', 'bench'];
const BUILD_FILES = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/** What stops a set-up: one sentence for a person. */
export class SetupProblem extends Error {}

/** Runs `main`; a SetupProblem becomes one line on stderr and exit code 1. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    console.error(`millpond: ${error.message}`);
    process.exitCode = 1;
  }
}

export function say(line) {
  console.error(`millpond: ${line}`);
}

/** Node, npm packages, the addon and build, in this order. */
export async function prepare() {
  checkNode();
  await installPackages();
  const problem = buildNative(ROOT);
  if (problem !== null) say(`the sendfile addon was not built, files are sent without it: ${problem}`);
  await build();
}

export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupProblem(`Node ${version} is too old: ${OLDEST_NODE.join('.')} or newer is needed`);
}

/** npm packages from the lock file, again only when the lock file or Node's binary interface has changed. */
export async function installPackages(root = ROOT) {
  const stamp = join(root, 'node_modules', '.millpond-installed');
  const wanted = packagesStamp(root);
  if (readOrNull(stamp) === wanted) return;
  say('installing npm packages from package-lock.json (this can take a few minutes)');
  // npm itself when we were started by it: another one may be first on PATH, or none at all
  const npm = process.env.npm_execpath;
  const [file, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const code = await run(file, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: root });
  if (code !== 0) throw new SetupProblem('npm packages could not be installed: see above; to try again run "npm ci"');
  writeFileSync(stamp, wanted);
}

/** What `node_modules` was installed from; native packages must be built again for another Node. */
export function packagesStamp(root = ROOT) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${lock} ${process.platform}-${process.arch}-${process.versions.modules}\n`;
}

/** `dist/` from the sources, again only when a source was added, changed or removed. */
export async function build(root = ROOT) {
  const dist = join(root, 'dist');
  const stamp = join(dist, '.millpond-built');
  const wanted = sourcesStamp(root);
  if (readOrNull(stamp) === wanted) return;
  say('building');
  // beside dist/ and then in its place, so that a program which runs from it never sees half of it
  const fresh = join(root, 'dist.new');
  rmSync(fresh, { recursive: true, force: true });
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  const code = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], { cwd: root });
  if (code !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new SetupProblem('the build failed: see above; to try again run "npm run build"');
  }
  writeFileSync(join(fresh, '.millpond-built'), wanted);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

function sourcesStamp(root) {
  const files = BUILD_FILES.concat(SOURCE_FOLDERS.flatMap((folder) => filesBelow(root, folder)));
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return `${hash.digest('hex')}\n`;
}

function filesBelow(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/**
 * Runs a program to its end with this terminal's output and no input, and gives its exit code; the signals that end
 * us are passed on to it.
 */
export function run(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    const stop = () => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, forward);
    };
    child.on('error', (error) => {
      stop();
      reject(new SetupProblem(`the program "${file}" cannot be started: ${error.message}`));
    });
    child.on('close', (code) => {
      stop();
      resolve(code ?? 1);
    });
  });
}

function readOrNull(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}
