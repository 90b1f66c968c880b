import type { Command } from 'commander';
import { join } from 'node:path';
import { loadSettings } from '../../config/load.js';
import type { Settings } from '../../config/settings.js';
import { messageOf, MillpondError } from '../../core/errors.js';
import { parseUpstream } from '../../core/upstream.js';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import type { CliContext } from '../context.js';
import { runUntilSignal, type Running } from '../lifecycle.js';
import { writeAptClient } from '../quickstart/apt-client.js';
import { startRsyncDaemon } from '../quickstart/daemon.js';
import { buildRepository, refreshRepository, type RepositoryKind } from '../quickstart/repository.js';

const REFRESH_EVERY_MS = 3 * 60_000;

export function addQuickstart(program: Command, context: CliContext): void {
  program
    .command('quickstart')
    .description('run Millpond with a small signed apt repository of its own, mirrored every minute')
    .action(async () => {
      const configFile = context.namedConfig ?? join(PACKAGE_ROOT, 'config', 'quickstart.yaml');
      const source = sourceOf(loadSettings(configFile));
      await runUntilSignal(context, () => start(context, configFile, source));
    });
}

/** Where the repository is, and the daemon that the first mirror expects. */
interface Source {
  readonly mirror: string;
  /** Parent of all that the quick start keeps. */
  readonly folder: string;
  readonly repository: string;
  readonly daemon: { readonly host: string; readonly port: number; readonly module: string };
}

const DEFAULT_RSYNC_PORT = 873;

/** @throws MillpondError `invalid` when the first mirror is not one of an rsync daemon on this machine */
function sourceOf(settings: Settings): Source {
  const mirror = [...settings.mirrors.values()][0];
  const upstream = parseUpstream(mirror?.upstreams[0] ?? '');
  const [module = '', ...rest] = upstream.path.split('/').filter(Boolean);
  if (!mirror || upstream.kind !== 'daemon' || rest.length > 0 || !isLoopback(upstream.host))
    throw new MillpondError('invalid', `the first mirror of "${settings.file}" is not one for the quick start`, {
      hint: 'Its upstream must be like rsync://127.0.0.1:8730/pond/: the quick start runs that daemon itself.',
    });
  const folder = join(settings.data, 'quickstart');
  const { host, port } = upstream;
  return {
    mirror: mirror.name,
    folder,
    repository: join(folder, 'repository'),
    daemon: { host, port: port ?? DEFAULT_RSYNC_PORT, module },
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

async function start(context: CliContext, configFile: string, source: Source): Promise<Running> {
  const { folder, repository } = source;
  const { startApp } = await import('../app.js');
  let kind: RepositoryKind = 'plain';
  let env: Readonly<Record<string, string>> = {};
  const companion = async (mark: Readonly<Record<string, string>>): Promise<{ stop(): Promise<void> }> => {
    env = mark;
    ({ kind } = await buildRepository(repository, { env }));
    return startRsyncDaemon({ ...source.daemon, folder: repository, runFolder: join(folder, 'run'), env });
  };
  const app = await startApp({ configFile, companion });
  await sayHowToUse(context, source, { kind, addresses: app.addresses });
  const refresh = setInterval(() => void refreshed(context, repository, env), REFRESH_EVERY_MS);
  return {
    reload: () => app.reload(),
    reopenLogs: () => app.reopenLogs(),
    stop() {
      clearInterval(refresh);
      return app.stop();
    },
  };
}

async function refreshed(
  context: CliContext,
  repository: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    await refreshRepository(repository, { env });
  } catch (error) {
    context.note(`The quick start repository could not be changed: ${messageOf(error)}`);
  }
}

async function sayHowToUse(
  context: CliContext,
  { mirror, folder, repository }: Source,
  { kind, addresses }: { kind: RepositoryKind; addresses: readonly string[] },
): Promise<void> {
  const address = (addresses[0] ?? '').replace(/\/$/, '');
  const url = `${address}/${mirror}/`;
  const apt = kind === 'apt' ? await writeAptClient({ folder: join(folder, 'apt'), repository, url }) : null;
  await context.print({ addresses, mirror: url, aptConfiguration: apt }, () =>
    [
      `Millpond serves ${addresses.join(' and ')}`,
      `  the mirror, and how it is doing:  ${address}/  ${address}/status/${mirror}`,
      ...(apt === null ? [] : [`  apt against it, as any user:      APT_CONFIG=${apt} apt-get update`]),
      '  Its upstream is a small repository that changes every 3 minutes. Ctrl-C stops all of it.',
    ].join('\n'),
  );
}
