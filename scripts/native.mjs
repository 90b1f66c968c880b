// Builds native/*.c, which is optional: where it cannot be built, one line says so and files are read and written.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden'];
const DAY_MS = 86_400_000;
/** A network that swallows packets must not hold up a start for long. */
const FETCH_MS = 30_000;

/**
 * `native/build/sendfile.node`, again only when its sources or Node's binary interface have changed. What failed is not
 * tried again for a day, as long as these and the headers are the same. Gives what went wrong in one line, or null.
 */
export function buildNative(root, fetchHeaders = fetchWithNodeGyp) {
  if (process.platform !== 'linux') return null;
  const output = join(root, 'native', 'build');
  const [built, failed] = ['.millpond-built', '.millpond-failed'].map((name) => join(output, name));
  const wanted = nativeStamp(root);
  if (existsSync(built) && readFileSync(built, 'utf8') === wanted) return null;
  const problem = buildAnew(root, { built, failed, wanted }, fetchHeaders);
  // one of other sources does not know what this version asks of it
  if (problem !== null) for (const stale of [built, join(output, 'sendfile.node')]) rmSync(stale, { force: true });
  return problem;
}

function buildAnew(root, { built, failed, wanted }, fetchHeaders) {
  if (!hasCompiler()) return 'no C compiler';
  const attempt = `${wanted}${headersFolder()}\n`;
  const remembered = failureOf(failed, attempt);
  if (remembered !== null) return `${remembered} (it is tried again after a day, or when native/build is removed)`;
  mkdirSync(dirname(built), { recursive: true });
  const problem = compile(root, fetchHeaders);
  if (problem === null) writeFileSync(built, wanted);
  else writeFileSync(failed, `${attempt}${problem}`);
  return problem;
}

/** Compiles to `target`, with these flags as well; what went wrong, in one line, or null. */
export function compileNative(root, target, extraFlags = [], headers = headersFolder()) {
  if (headers === null) return "Node's headers are not there and could not be fetched";
  const args = [...FLAGS, ...extraFlags, `-I${headers}`, '-o', target, ...sourcesOf(root, '.c')];
  const { status, stderr, error } = spawnSync(compiler(), args, { encoding: 'utf8' });
  if (status === 0) return null;
  return error ? `no C compiler (${error.message})` : firstError(stderr);
}

function compile(root, fetchHeaders) {
  const output = join(root, 'native', 'build');
  // beside the addon and then in its place: a program that runs has the old one mapped
  const fresh = join(output, 'sendfile.new');
  const headers = headersFolder() ?? (fetchHeaders() ? headersFolder() : null);
  const problem = compileNative(root, fresh, [], headers);
  if (problem === null) renameSync(fresh, join(output, 'sendfile.node'));
  else rmSync(fresh, { force: true });
  return problem;
}

function nativeStamp(root) {
  const hash = createHash('sha256').update(FLAGS.join(' '));
  for (const source of [...sourcesOf(root, '.c'), ...sourcesOf(root, '.h')]) hash.update(readFileSync(source));
  return `${hash.digest('hex')} ${process.platform}-${process.arch}-${process.versions.modules}\n`;
}

function sourcesOf(root, end) {
  const folder = join(root, 'native');
  const names = readdirSync(folder).filter((name) => name.endsWith(end));
  return names.sort().map((name) => join(folder, name));
}

/** What went wrong when just this was tried within the last day, or null. */
function failureOf(file, attempt) {
  if (!existsSync(file) || Date.now() - statSync(file).mtimeMs > DAY_MS) return null;
  const text = readFileSync(file, 'utf8');
  return text.startsWith(attempt) ? text.slice(attempt.length) : null;
}

function compiler() {
  return process.env.CC || 'cc';
}

function hasCompiler() {
  return spawnSync(compiler(), ['--version'], { stdio: 'ignore' }).status === 0;
}

function firstError(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => line.includes('error')) ?? lines.at(-1) ?? 'the compiler failed').trim();
}

/** Beside the Node that runs, of the system, or fetched by npm's node-gyp; the interface used is the same in all. */
function headersFolder() {
  const cached = join(homedir(), '.cache', 'node-gyp', process.versions.node, 'include', 'node');
  const places = [join(dirname(dirname(process.execPath)), 'include', 'node'), '/usr/include/node', cached];
  return places.find((folder) => ['node_api.h', 'uv.h'].every((name) => existsSync(join(folder, name)))) ?? null;
}

function fetchWithNodeGyp() {
  const prefix = dirname(dirname(process.execPath));
  const npm = process.env.npm_execpath
    ? dirname(dirname(process.env.npm_execpath))
    : join(prefix, 'lib/node_modules/npm');
  const gyp = join(npm, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  if (!existsSync(gyp)) return false;
  return spawnSync(process.execPath, [gyp, 'install'], { stdio: 'ignore', timeout: FETCH_MS }).status === 0;
}
