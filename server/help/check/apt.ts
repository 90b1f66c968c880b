import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isAptForm, keyringsIn, withSuites } from '../apt-sources.js';
import { pathBelow } from '../choose.js';
import { runClient, sampleOf, smallest, TrialFailed, Untested, type Trial } from './trial.js';

const FAULT = { fault: /^E:/ };
/** Packages whose sizes are compared. */
const SAMPLE = 100;

/**
 * Updates and downloads with apt-get, with folders of its own and no settings of the system (apt.conf(5)). Sources that
 * are not of this mirror are left out. No root is needed.
 */
export async function tryApt(trial: Trial): Promise<string> {
  const env = { APT_CONFIG: await writeClient(trial) };
  const update = ['apt-get', 'update', '-o', 'APT::Update::Error-Mode=any'] as const;
  await runClient(trial, update, { ...FAULT, env });
  const names = wordsOf(await runClient(trial, ['apt-cache', 'pkgnames'], { ...FAULT, env }));
  const [first, ...more] = sampleOf(names.toSorted(), SAMPLE);
  if (first === undefined) throw new TrialFailed('apt-get update went well, and found no package.');
  const show = ['apt-cache', 'show', '--no-all-versions', '--', first, ...more] as const;
  const name = smallest(sizesIn(await runClient(trial, show, { ...FAULT, env })));
  await runClient(trial, ['apt-get', 'download', '--', name], { ...FAULT, env });
  return `apt-get updated from here and downloaded ${name}.`;
}

/** Returns the path of its configuration, for APT_CONFIG. */
async function writeClient(trial: Trial): Promise<string> {
  const { folder, text, lang, address } = trial;
  if (!isAptForm(lang)) throw new Error(`apt reads no ${lang}`);
  for (const name of ['sources', 'trusted', 'state/lists/partial', 'cache/archives/partial'])
    await mkdir(join(folder, name), { recursive: true });
  await placeKeyrings(trial);
  const own = withSuites(lang, text, ({ uri }) => pathBelow(uri, address) !== undefined);
  const plain = own.replace(/^Signed-By:.*\n/gim, '').replace(/\s*\bsigned-by=[^\s\]]+/gi, '');
  const sources = join(folder, 'sources', `mirror.${lang === 'deb822' ? 'sources' : 'list'}`);
  await writeFile(sources, plain.replace(/^(deb(?:-src)?) \[\s*\]/gm, '$1'));
  await writeFile(join(folder, 'state', 'status'), '');
  const settings = {
    ...{ 'Dir::Etc::main': '/dev/null', 'Dir::Etc::parts': '/dev/null', 'Dir::Etc::sourcelist': '/dev/null' },
    'Dir::Etc::sourceparts': join(folder, 'sources'),
    ...{ 'Dir::Etc::trusted': '/dev/null', 'Dir::Etc::trustedparts': join(folder, 'trusted') },
    ...{ 'Dir::State': join(folder, 'state'), 'Dir::State::status': join(folder, 'state', 'status') },
    ...{ 'Dir::Cache': join(folder, 'cache'), 'Dir::Log': folder },
    // apt's own user may not enter the folders of the user that runs this
    'APT::Sandbox::User': '',
    ...architectureOf(trial),
    ...{ 'Acquire::Languages': 'none', 'Acquire::Retries': '0', 'Acquire::http::Timeout': '30' },
  };
  const file = join(folder, 'apt.conf');
  await writeFile(
    file,
    `${Object.entries(settings)
      .map(([key, value]) => `${key} "${value}";\n`)
      .join('')}`,
  );
  return file;
}

/** What is installed on a client already is elsewhere on this machine. */
async function placeKeyrings({ text, usualKeys, folder, keyring }: Trial): Promise<void> {
  const own = keyringsIn(text);
  const names = new Set(own.length > 0 ? own : usualKeys);
  if (names.size === 0) throw new Untested('The instructions name no keys with which packages could be checked.');
  for (const path of names) {
    const name = basename(path);
    const file = keyring(name);
    if (file === null) throw new Untested(`The keys "${name}" are not on this server.`);
    await copyFile(file, join(folder, 'trusted', name));
  }
}

/** One that the mirror has: where it has not that of this machine, another one does as well. */
function architectureOf({ archs }: Trial): Record<string, string> {
  const own = process.arch === 'x64' ? 'amd64' : process.arch;
  const binary = archs.filter((name) => name !== 'source' && name !== 'all');
  const [first] = binary;
  if (first === undefined || binary.includes(own)) return {};
  return { 'APT::Architecture': first, 'APT::Architectures': first };
}

/** Of the records that apt-cache(8) prints. */
function sizesIn(records: string): { name: string; bytes: number }[] {
  return records.split('\n\n').flatMap((record) => {
    const field = (key: string): string | undefined => new RegExp(`^${key}: (.*)$`, 'm').exec(record)?.[1];
    const [name, bytes] = [field('Package'), Number(field('Size'))];
    return name === undefined || !Number.isInteger(bytes) ? [] : [{ name, bytes }];
  });
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}
