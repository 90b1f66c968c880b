import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const KEYRING = 'millpond-quickstart.gpg';

/**
 * Writes a configuration of apt.conf(5) under `folder` with which any user can run `apt-get update` and
 * `apt-get download` against the mirror of a quick start repository, without touching the system's own apt. Returns its
 * path, for APT_CONFIG. `url` is where the mirror is served, `repository` the folder whose keyring is trusted.
 */
export async function writeAptClient(options: { folder: string; repository: string; url: string }): Promise<string> {
  const { folder, repository, url } = options;
  for (const name of ['etc/trusted.gpg.d', 'state/lists/partial', 'cache/archives/partial'])
    await mkdir(join(folder, name), { recursive: true });
  const sources = join(folder, 'etc', 'sources.list');
  // not as signed-by= in the list of sources: that takes no path with a blank
  const trusted = join(folder, 'etc', 'trusted.gpg.d');
  await copyFile(join(repository, KEYRING), join(trusted, KEYRING));
  await writeFile(sources, `deb ${url} stable main\n`);
  await writeFile(join(folder, 'state', 'status'), '');
  const file = join(folder, 'apt.conf');
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::trusted': '/dev/null',
    'Dir::Etc::trustedparts': trusted,
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'state', 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Log': folder,
    // apt's own user may not enter the folders of the user that runs this
    'APT::Sandbox::User': '',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}
