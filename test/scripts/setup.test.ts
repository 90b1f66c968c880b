import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { tempFolder } from '../fixtures/temp-folder.js';

interface Ended {
  readonly code: number;
  readonly stderr: string;
  readonly stdout: string;
}

describe('checkNode', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('accepts %s', async (version) => {
    expect(await callScript('setup.mjs', 'checkNode', version)).toEqual({ code: 0, stderr: '', stdout: '' });
  });

  it.each(['20.18.3', '18.20.0', '0.12.1'])('refuses %s in one line', async (version) => {
    const { code, stderr } = await callScript('setup.mjs', 'checkNode', version);
    expect([code, stderr]).toEqual([1, `millpond: Node ${version} is too old: 20.19 or newer is needed\n`]);
  });
});

describe('build', () => {
  it('builds once, and again when a source is changed, added or removed', async () => {
    const root = await project();
    const dist = (name: string) => join(root, 'dist', 'core', `${name}.js`);
    expect((await callScript('setup.mjs', 'build', root)).stderr).toBe('millpond: building\n');
    expect(await callScript('setup.mjs', 'build', root)).toEqual({ code: 0, stderr: '', stdout: '' });

    await writeFile(join(root, 'core', 'one.ts'), 'export const one = 11;\n');
    await writeFile(join(root, 'core', 'two.ts'), 'export const two = 2;\n');
    expect((await callScript('setup.mjs', 'build', root)).stderr).toBe('millpond: building\n');
    expect(await readFile(dist('one'), 'utf8')).toContain('11');
    expect(existsSync(dist('two'))).toBe(true);

    await rm(join(root, 'core', 'two.ts'));
    expect((await callScript('setup.mjs', 'build', root)).stderr).toBe('millpond: building\n');
    expect(existsSync(dist('two'))).toBe(false);
  });

  it('keeps what was built before when the sources are wrong, and says so', async () => {
    const root = await project();
    await callScript('setup.mjs', 'build', root);
    await writeFile(join(root, 'core', 'one.ts'), 'export const one: string = 1;\n');
    const { code, stderr } = await callScript('setup.mjs', 'build', root);
    expect(code).toBe(1);
    expect(stderr).toContain('millpond: the build failed');
    expect(await readFile(join(root, 'dist', 'core', 'one.js'), 'utf8')).toContain('one = 1');
    expect(existsSync(join(root, 'dist.new'))).toBe(false);
    expect((await callScript('setup.mjs', 'build', root)).code).toBe(1);
  });
});

describe('installPackages', () => {
  it('runs npm ci when the lock file has changed, and never otherwise', async () => {
    const root = await tempFolder();
    // a lock file without packages: npm ci has nothing to fetch
    const lock = { name: 'x', version: '1.0.0', lockfileVersion: 3, packages: { '': { name: 'x', version: '1.0.0' } } };
    await writeFile(join(root, 'package.json'), JSON.stringify({ name: 'x', version: '1.0.0' }));
    await writeFile(join(root, 'package-lock.json'), JSON.stringify(lock));
    await mkdir(join(root, 'node_modules'));
    const first = await callScript('setup.mjs', 'installPackages', root);
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('installing npm packages')]);
    expect(await callScript('setup.mjs', 'installPackages', root)).toEqual({ code: 0, stderr: '', stdout: '' });
    await writeFile(join(root, 'package-lock.json'), JSON.stringify(lock, null, 2));
    expect((await callScript('setup.mjs', 'installPackages', root)).stderr).toContain('installing npm packages');
  });

  it('says what to run when npm fails, and tries again the next time', async () => {
    const root = await tempFolder();
    await writeFile(join(root, 'package.json'), JSON.stringify({ name: 'x', dependencies: { y: '1.0.0' } }));
    await writeFile(join(root, 'package-lock.json'), JSON.stringify({ name: 'x', lockfileVersion: 3, packages: {} }));
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const { code, stderr } = await callScript('setup.mjs', 'installPackages', root);
      expect(code).toBe(1);
      expect(stderr.trimEnd().split('\n').at(-1)).toBe(
        'millpond: npm packages could not be installed: see above; to try again run "npm ci"',
      );
    }
  });
});

describe('ensureDebianPackages', () => {
  const NOTHING_THERE = [{ package: 'no-such-package-of-millpond', probe: 'no-such-program-of-millpond' }];

  it('is silent when nothing is missing', async () => {
    const wanted = [
      { package: 'coreutils', probe: 'ls' },
      { package: 'base-files', probe: '/etc/os-release' },
    ];
    expect(await callScript('debian-packages.mjs', 'ensureDebianPackages', wanted)).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  it('gives the command to run in one line where there is no apt-get', async () => {
    const { code, stderr } = await callScript('debian-packages.mjs', 'ensureDebianPackages', NOTHING_THERE, {
      PATH: await tempFolder(),
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^millpond: Debian packages are missing and cannot be installed \(this system has no apt-get\); run: .*apt-get install -y --no-install-recommends no-such-package-of-millpond\n$/,
    );
  });

  it('fetches the lists when an installation fails, and gives the reason of apt-get when it fails again', async () => {
    const folder = await tempFolder();
    const calls = join(folder, 'calls');
    const aptGet = `#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >>'${calls}'\ncase "$*" in *update) exit 0;; esac\necho 'E: no luck' >&2\nexit 100\n`;
    const sudo = '#!/bin/sh\n[ "$1" = -n ] && shift && exec "$@"\n';
    for (const [name, text] of Object.entries({ 'apt-get': aptGet, sudo })) {
      await writeFile(join(folder, name), text);
      await chmod(join(folder, name), 0o755);
    }
    const { code, stderr } = await callScript('debian-packages.mjs', 'ensureDebianPackages', NOTHING_THERE, {
      PATH: `${folder}:${process.env['PATH']}`,
    });
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'millpond: installing Debian packages: no-such-package-of-millpond',
      expect.stringContaining('cannot be installed (E: no luck); run: ') as string,
    ]);
    const lines = (await readFile(calls, 'utf8')).trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^noninteractive .* install -y --no-install-recommends no-such-package-of-millpond$/);
    expect(lines.some((line) => line.endsWith(' update'))).toBe(true);
  });
});

describe('the summary of the tests', () => {
  it('shows a skipped test with its reason and counts it, and in CI fails because of it', async () => {
    const root = await testProject(`
      it('passes', () => {});
      it('cannot run', ({ skip }) => skip('no such program'));`);
    const { code, stdout } = await runTests(root, { CI: 'true' });
    expect(stdout).toContain('skipped: some.test.ts: cannot run: no such program\n');
    expect(stdout).toContain('tests: 1 passed, 0 failed, 1 skipped\n');
    expect(code).toBe(1);
    expect((await runTests(root, { CI: '' })).code).toBe(0);
  });

  it('counts failures, files that cannot be loaded and errors outside of tests', async () => {
    const root = await testProject(`
      it('passes', () => {});
      it('fails', () => { throw new Error('no'); });
      it('leaves an error behind', () => { void Promise.reject(new Error('late')); });`);
    await writeFile(join(root, 'broken.test.ts'), "import './nothing.js';\n");
    const { code, stdout } = await runTests(root, { CI: 'true' });
    expect(stdout).toContain('tests: 2 passed, 3 failed, 0 skipped\n');
    expect(code).toBe(1);
  });
});

/** Calls one exported step of a script in a process of its own, as the npm scripts do. */
function callScript(script: string, step: string, argument: unknown, env: Record<string, string> = {}): Promise<Ended> {
  const url = (name: string) => JSON.stringify(new URL(`../../scripts/${name}`, import.meta.url).href);
  const code = `const { runScript } = await import(${url('setup.mjs')});
    const steps = await import(${url(script)});
    await runScript(() => steps.${step}(${JSON.stringify(argument)}));`;
  return start(['--input-type=module', '-e', `${code}`], env);
}

function runTests(root: string, env: Record<string, string>): Promise<Ended> {
  const vitest = join(PACKAGE_ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporter = join(PACKAGE_ROOT, 'scripts', 'test-reporter.mjs');
  return start([vitest, 'run', '--root', root, '--reporter', reporter], env);
}

function start(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  // without what vitest sets for its workers, which a program of its own would take for its own
  const own = Object.entries(process.env).filter(([name]) => !/^(?:VITEST|TEST$|NODE_ENV$|npm_)/.test(name));
  return new Promise((resolve) => {
    const options = { env: { ...Object.fromEntries(own), ...env } };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** A project with one source and the packages of this one. */
async function project(): Promise<string> {
  const root = await tempFolder();
  for (const file of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])
    await cp(join(PACKAGE_ROOT, file), join(root, file));
  await symlink(join(PACKAGE_ROOT, 'node_modules'), join(root, 'node_modules'));
  await mkdir(join(root, 'core'));
  await writeFile(join(root, 'core', 'one.ts'), 'export const one = 1;\n');
  return root;
}

async function testProject(body: string): Promise<string> {
  const root = await tempFolder();
  await symlink(join(PACKAGE_ROOT, 'node_modules'), join(root, 'node_modules'));
  await writeFile(join(root, 'some.test.ts'), `import { it } from 'vitest';\n${body}\n`);
  return root;
}
