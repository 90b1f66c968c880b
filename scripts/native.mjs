// Builds native/sendfile.c, which is optional: where it cannot be built, one line says so and files are read and written.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden'];

/**
 * `native/build/sendfile.node`, again only when its source or Node's binary interface has changed. Gives what went wrong
 * in one line, or null.
 */
export function buildNative(root) {
  if (process.platform !== 'linux') return null;
  const source = join(root, 'native', 'sendfile.c');
  const output = join(root, 'native', 'build');
  const stamp = join(output, '.millpond-built');
  const wanted = nativeStamp(source);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return null;
  const problem = compile(source, output);
  if (problem === null) writeFileSync(stamp, wanted);
  return problem;
}

function nativeStamp(source) {
  const hash = createHash('sha256').update(readFileSync(source)).update(FLAGS.join(' ')).digest('hex');
  return `${hash} ${process.platform}-${process.arch}-${process.versions.modules}\n`;
}

/** What went wrong, in one line; null when it was built. */
function compile(source, output) {
  const headers = headersFolder();
  if (headers === null) return "Node's headers are not there and could not be fetched";
  mkdirSync(output, { recursive: true });
  // beside the addon and then in its place: a program that runs has the old one mapped
  const fresh = join(output, 'sendfile.new');
  const args = [...FLAGS, `-I${headers}`, '-o', fresh, source];
  const { status, stderr, error } = spawnSync(process.env.CC || 'cc', args, { encoding: 'utf8' });
  if (status === 0) {
    renameSync(fresh, join(output, 'sendfile.node'));
    return null;
  }
  rmSync(fresh, { force: true });
  return error ? `no C compiler (${error.message})` : firstError(stderr);
}

function firstError(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => line.includes('error')) ?? lines.at(-1) ?? 'the compiler failed').trim();
}

/** Beside the Node that runs, of the system, or fetched by npm's node-gyp; the interface used is the same in all. */
function headersFolder() {
  const cached = join(homedir(), '.cache', 'node-gyp', process.versions.node, 'include', 'node');
  const places = [join(dirname(dirname(process.execPath)), 'include', 'node'), '/usr/include/node', cached];
  const found = () => places.find((folder) => ['node_api.h', 'uv.h'].every((name) => existsSync(join(folder, name))));
  return found() ?? (fetchHeaders() ? found() : null) ?? null;
}

function fetchHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const npm = process.env.npm_execpath
    ? dirname(dirname(process.env.npm_execpath))
    : join(prefix, 'lib/node_modules/npm');
  const gyp = join(npm, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  if (!existsSync(gyp)) return false;
  return spawnSync(process.execPath, [gyp, 'install'], { stdio: 'ignore', timeout: 120_000 }).status === 0;
}
