import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathBelow } from '../choose.js';
import { expand, type Expanded } from './expand.js';
import { runClient, smallest, TrialFailed, type Trial } from './trial.js';

const FAULT = { fault: /^(?:Error|Errors|Failed)\b/ };
/** As rpm calls what Node calls otherwise. */
const OWN_ARCH: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'ppc64le' };

/** Reads the metadata and downloads with dnf, with an installation root of its own (dnf(8)). No root is needed. */
export async function tryDnf(trial: Trial): Promise<string> {
  const { releasever, basearch } = await variablesOf(trial);
  const { folder } = trial;
  for (const name of ['repos', 'root', 'cache', 'state', 'log', 'downloads']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'repos', 'mirror.repo'), trial.text);
  const main = {
    ...{ reposdir: join(folder, 'repos'), cachedir: join(folder, 'cache'), persistdir: join(folder, 'state') },
    ...{ logdir: join(folder, 'log'), varsdir: join(folder, 'repos') },
    ...{ retries: 1, timeout: 30, skip_if_unavailable: 0, keepcache: 0 },
  };
  const config = join(folder, 'dnf.conf');
  const lines = Object.entries(main).map(([key, value]) => `${key}=${value}`);
  await writeFile(config, `[main]\n${lines.join('\n')}\n`);
  const common = [
    ...['--quiet', '--assumeyes', `--config=${config}`, `--installroot=${join(folder, 'root')}`],
    ...(releasever === undefined ? [] : [`--releasever=${releasever}`]),
    ...(basearch === undefined ? [] : [`--forcearch=${basearch}`]),
  ];
  await runClient(trial, ['dnf', 'makecache', ...common], FAULT);
  const format = '%{downloadsize} %{name}-%{evr}.%{arch}';
  const listed = await runClient(trial, ['dnf', 'repoquery', ...common, '--available', `--qf=${format}`], FAULT);
  const name = smallest(
    listed.split('\n').flatMap((line) => {
      const [, bytes, id] = /^(\d+) ([A-Za-z0-9]\S*)$/.exec(line) ?? [];
      return id === undefined ? [] : [{ name: id, bytes: Number(bytes) }];
    }),
  );
  await runClient(trial, ['dnf', 'download', ...common, `--destdir=${join(folder, 'downloads')}`, name], FAULT);
  return `dnf read the metadata here and downloaded ${name}.`;
}

/** What `$releasever` and `$basearch` can be, by the first repository of the file. @throws TrialFailed */
async function variablesOf({ text, address, tree, archs }: Trial): Promise<Expanded['values']> {
  const url = /^baseurl\s*=\s*(\S+)/m.exec(text)?.[1] ?? '';
  const pattern = pathBelow(url, address);
  if (pattern === undefined) throw new TrialFailed('The instructions name no folder of this mirror.');
  const suffix = (): string => 'repodata/repomd.xml';
  const preferred = { basearch: [...archs, OWN_ARCH[process.arch] ?? process.arch] };
  for await (const { values } of expand({ tree, pattern, suffix }, preferred)) return values;
  throw new TrialFailed(`The tree has no repodata/repomd.xml at any ${pattern}.`);
}
