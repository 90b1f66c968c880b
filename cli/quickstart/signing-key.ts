import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from './run-tool.js';

/** An OpenPGP key that signs one archive; the secret half never leaves `home`. */
export interface SigningKey {
  /** A GNUPGHOME that holds this key and nothing else. */
  readonly home: string;
  readonly userId: string;
  /** Added to the environment of gpg and its agent, so that an agent is found again whose program was killed. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The agent's sockets are in GNUPGHOME, and a socket's path may have 107 bytes only (unix(7)). */
const LONGEST_HOME = 80;
const BATCH = ['--batch', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', ''];

/** Makes a new key without a passphrase in the empty folder `key.home`. */
export async function createSigningKey(key: SigningKey): Promise<void> {
  await mkdir(key.home, { recursive: true });
  await chmod(key.home, 0o700);
  await withGpg(key, (gpg) => gpg([...BATCH, '--quick-generate-key', key.userId, 'ed25519', 'sign', 'never']));
}

/** Writes the public half as a binary keyring and as ASCII armour. */
export async function exportPublicKey(key: SigningKey, keyring: string, armoured: string): Promise<void> {
  await withGpg(key, async (gpg) => {
    await writeFile(keyring, await gpg(['--batch', '--export', key.userId]));
    await writeFile(armoured, await gpg(['--batch', '--armor', '--export', key.userId]));
  });
}

/** The two signatures of an apt archive, made of `<folder>/Release` and written beside it. */
export async function signRelease(key: SigningKey, folder: string): Promise<void> {
  const release = join(folder, 'Release');
  const sign = [...BATCH, '--yes', '--local-user', key.userId, '--digest-algo', 'SHA512'];
  await withGpg(key, async (gpg) => {
    await gpg([...sign, '--armor', '--detach-sign', '--output', `${release}.gpg`, release]);
    await gpg([...sign, '--clearsign', '--output', join(folder, 'InRelease'), release]);
  });
}

/** Calls `use` with a way to run gpg, and leaves no gpg-agent behind. */
async function withGpg<T>(key: SigningKey, use: (gpg: (args: string[]) => Promise<Buffer>) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(key.home) <= LONGEST_HOME) return withAgent(key, key.home, use);
  const short = await mkdtemp(join(tmpdir(), 'mp-'));
  try {
    await symlink(key.home, join(short, 'h'));
    return await withAgent(key, join(short, 'h'), use);
  } finally {
    await rm(short, { recursive: true, force: true });
  }
}

async function withAgent<T>(
  key: SigningKey,
  home: string,
  use: (gpg: (args: string[]) => Promise<Buffer>) => Promise<T>,
): Promise<T> {
  const env = { ...key.env, GNUPGHOME: home };
  try {
    return await use((args) => runTool('gpg', args, { env }));
  } finally {
    await runTool('gpgconf', ['--kill', 'all'], { env });
    await runTool('gpgconf', ['--remove-socketdir'], { env }).catch(() => undefined); // where there is none it fails
  }
}
