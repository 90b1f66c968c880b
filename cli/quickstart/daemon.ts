import { startRsyncd, type Rsyncd } from './rsyncd.js';

export interface QuickstartDaemonOptions {
  /** What is exported, read only. */
  readonly folder: string;
  readonly module: string;
  readonly host: string;
  readonly port: number;
  /** Where its configuration, lock and log are. */
  readonly runFolder: string;
  /** Marks its processes as belonging to the data folder. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts the rsync daemon that the quick start mirrors from; resolves when it answers.
 * @throws MillpondError conflict (the port is taken), unavailable (rsync is missing, or ends at once), invalid (a path)
 */
export function startRsyncDaemon(options: QuickstartDaemonOptions): Promise<Rsyncd> {
  const { folder, module, host, port, runFolder, env = {} } = options;
  const comment = 'Quick start of Millpond';
  return startRsyncd({ host, port, runFolder, env, modules: [{ name: module, path: folder, options: { comment } }] });
}
