/** A socket that is listened on already and was passed by systemd. */
export interface PassedSocket {
  readonly name: string;
  readonly descriptor: number;
}

const FIRST_DESCRIPTOR = 3;

/**
 * The sockets that systemd has passed to process `pid`, by sd_listen_fds_with_names(3). What tells of them is taken out
 * of `env`, so that no child takes them for its own.
 */
export function takePassedSockets(env: NodeJS.ProcessEnv, pid: number): PassedSocket[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  delete env['LISTEN_PID'];
  delete env['LISTEN_FDS'];
  delete env['LISTEN_FDNAMES'];
  if (Number(LISTEN_PID) !== pid || !/^\d{1,4}$/.test(LISTEN_FDS ?? '')) return [];
  const names = LISTEN_FDNAMES?.split(':') ?? [];
  return Array.from({ length: Number(LISTEN_FDS) }, (_, index) => ({
    name: names[index] || 'unknown',
    descriptor: FIRST_DESCRIPTOR + index,
  }));
}
