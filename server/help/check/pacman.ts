import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathBelow } from '../choose.js';
import { expand } from './expand.js';
import { runClient, sampleOf, smallest, TrialFailed, type Trial } from './trial.js';

const FAULT = { fault: /^error:/ };
/** As Arch calls what Node calls otherwise. */
const OWN_ARCH: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
const FIRST_REPOSITORIES = ['core', 'extra'];
/** Repositories that are tried, of all that the tree has. */
const MOST_REPOSITORIES = 3;
const SAMPLE = 100;

/**
 * Syncs databases and downloads with pacman, with a root and databases of its own (pacman(8)). Signatures are not
 * looked at: the keys would have to be set up first. pacman wants to be root for this; it runs in fakeroot where it is not.
 */
export async function tryPacman(trial: Trial): Promise<string> {
  const { folder } = trial;
  for (const name of ['root', 'db', 'cache', 'gpg', 'hooks']) await mkdir(join(folder, name));
  const config = join(folder, 'pacman.conf');
  await writeFile(config, await configOf(trial));
  const common = ['--config', config, '--noconfirm'];
  const pacman = ['pacman', ...common] as const;
  const asRoot = process.getuid?.() === 0 ? pacman : (['fakeroot', '--', ...pacman] as const);
  await runClient(trial, [...asRoot, '--sync', '--refresh'], FAULT);
  const listed = await runClient(trial, [...pacman, '--sync', '--list'], FAULT);
  const names = listed.split('\n').flatMap((line) => /^([A-Za-z0-9]\S* \S+) /.exec(line)?.[1]?.replace(' ', '/') ?? []);
  const print = ['--sync', '--print', '--nodeps', '--nodeps', '--print-format', '%s %r/%n'];
  const [first, ...more] = sampleOf(names, SAMPLE);
  if (first === undefined) throw new TrialFailed('The databases were read, and name no package.');
  const printed = await runClient(trial, [...pacman, ...print, first, ...more], FAULT);
  const name = smallest(
    printed.split('\n').flatMap((line) => {
      const [, bytes, id] = /^(\d+) ([A-Za-z0-9]\S*)$/.exec(line) ?? [];
      return id === undefined ? [] : [{ name: id, bytes: Number(bytes) }];
    }),
  );
  await runClient(trial, [...asRoot, '--sync', '--downloadonly', '--nodeps', '--nodeps', name], FAULT);
  return `pacman synced from here and downloaded ${name} (signatures were not looked at).`;
}

/** @throws TrialFailed where the tree has no database where the instructions look for one */
async function configOf({ text, address, tree, folder, archs }: Trial): Promise<string> {
  const server = /^Server\s*=\s*(\S+)/m.exec(text)?.[1] ?? '';
  const pattern = pathBelow(server, address);
  if (pattern === undefined) throw new TrialFailed('The instructions name no folder of this mirror.');
  const suffix = (values: Readonly<Record<string, string>>): string => `${values['repo'] ?? ''}.db`;
  const preferred = { repo: FIRST_REPOSITORIES, arch: [...archs, OWN_ARCH[process.arch] ?? process.arch] };
  const repositories = new Set<string>();
  let arch: string | undefined;
  for await (const { values } of expand({ tree, pattern, suffix }, preferred)) {
    arch ??= values['arch'];
    if (values['arch'] === arch && values['repo'] !== undefined) repositories.add(values['repo']);
    if (repositories.size >= MOST_REPOSITORIES) break;
  }
  if (repositories.size === 0) throw new TrialFailed(`The tree has no database at any ${pattern}.`);
  const options = {
    ...{ RootDir: join(folder, 'root'), DBPath: join(folder, 'db'), CacheDir: join(folder, 'cache') },
    ...{ GPGDir: join(folder, 'gpg'), HookDir: join(folder, 'hooks'), LogFile: join(folder, 'pacman.log') },
    ...{ Architecture: arch ?? 'auto', SigLevel: 'Never' },
  };
  const lines = Object.entries(options).map(([key, value]) => `${key} = ${value}`);
  const sections = [...repositories].map((name) => `[${name}]\n${text}`);
  return `[options]\n${lines.join('\n')}\n${sections.join('\n')}`;
}
