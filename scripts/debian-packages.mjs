// Programs of Debian that a step needs: installed when they are missing, or one line that says what to run.
import { spawn } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { say, SetupProblem } from './setup.mjs';

/** Folders of daemons, which are not on the PATH of ordinary users. */
export const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export const START_PACKAGES = [{ package: 'rsync', probe: 'rsync' }];

const PODMAN_SERVICES = ['podman', 'podman.socket', 'podman-restart', 'podman-auto-update', 'podman-auto-update.timer'];

const CURL = { package: 'curl', probe: 'curl' };
const SKOPEO = { package: 'skopeo', probe: 'skopeo' };
const DOCKER_REGISTRY = { package: 'docker-registry', probe: 'docker-registry', service: 'docker-registry' };

/** What the quick start makes its signed archive with; without it, it exports a plain tree. */
export const ARCHIVE_PACKAGES = [
  { package: 'apt-utils', probe: 'apt-ftparchive' },
  { package: 'gnupg', probe: 'gpg' },
];

const NGINX = { package: 'nginx-light', probe: 'nginx', service: 'nginx' };

/** What measurements hold Millpond against, and what they ask with. */
export const BENCH_PACKAGES = [
  ...START_PACKAGES,
  ...[CURL, { package: 'wrk', probe: 'wrk' }, NGINX, SKOPEO, DOCKER_REGISTRY],
];

export const TEST_PACKAGES = [
  ...START_PACKAGES,
  ...ARCHIVE_PACKAGES,
  NGINX,
  { package: 'caddy', probe: 'caddy', service: 'caddy' },
  { package: 'chromium', probe: 'chromium' },
  CURL,
  { package: 'wget', probe: 'wget' },
  { package: 'gpgv', probe: 'gpgv' },
  { package: 'xz-utils', probe: 'xz' },
  { package: 'bzip2', probe: 'bzip2' },
  { package: 'zstd', probe: 'zstd' },
  { package: 'createrepo-c', probe: 'createrepo_c' },
  { package: 'rpm', probe: 'rpmbuild' },
  { package: 'dnf', probe: 'dnf' },
  { package: 'dnf-plugins-core', probe: '/usr/lib/python3/dist-packages/dnf-plugins/download.py' },
  { package: 'pacman-package-manager', probe: 'repo-add' },
  { package: 'makepkg', probe: '/usr/share/makepkg/util/compress.sh' },
  { package: 'libarchive-tools', probe: 'bsdtar' },
  { package: 'gcc', probe: 'cc' },
  { package: 'aria2', probe: 'aria2c' },
  { package: 'python3-libtorrent', probe: '/usr/lib/python3/dist-packages/libtorrent.egg-info' },
  { package: 'openssh-client', probe: 'ssh' },
  { package: 'openssl', probe: 'openssl' },
  { package: 'openssh-server', probe: 'sshd', service: 'ssh' },
  SKOPEO,
  { package: 'buildah', probe: 'buildah' },
  { package: 'podman', probe: 'podman', service: PODMAN_SERVICES },
  { package: 'runc', probe: 'runc' },
  { package: 'containerd', probe: 'ctr', service: 'containerd' },
  { package: 'docker.io', probe: 'dockerd', service: ['docker', 'docker.socket'] },
  DOCKER_REGISTRY,
  { package: 'busybox-static', probe: '/bin/busybox' },
  { package: 'dnf', probe: 'dnf' },
  { package: 'dnf-plugins-core', probe: '/usr/lib/python3/dist-packages/dnf-plugins/download.py' },
  { package: 'createrepo-c', probe: 'createrepo_c' },
  { package: 'rpm', probe: 'rpmbuild' },
  { package: 'pacman-package-manager', probe: 'pacman' },
  { package: 'makepkg', probe: 'repo-add' },
  { package: 'fakeroot', probe: 'fakeroot' },
];

const APT_OPTIONS = [
  ...['-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3'],
  ...['-o', 'Dpkg::Options::=--force-confold'],
];

/**
 * Runs as root: "$1" is 1 when the lists must be fetched first, "$2" names services that must not start now or at
 * boot, the rest are packages. A policy of the machine's own is left as it is.
 */
const INSTALL_SCRIPT = `
set -u
update=$1 services=$2; shift 2
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >"$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
options='${APT_OPTIONS.join(' ')}'
[ "$update" = 0 ] || apt-get $options update || exit
apt-get $options install -y --no-install-recommends "$@" || exit
for service in $services; do
  if command -v systemctl >/dev/null; then systemctl disable --quiet "$service"; else update-rc.d "$service" disable; fi
done
exit 0
`;

/**
 * Installs what is missing of `wanted`: `{package, probe, service?}`, where `probe` is a program's name or the path of
 * a file, and `service` one name or several. Never asks anything.
 */
export async function ensureDebianPackages(wanted) {
  const missing = wanted.filter(({ probe }) => !isInstalled(probe));
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.package);
  const asRoot = rootCommand();
  if (!isInstalled('apt-get')) throw cannotInstall(names, 'this system has no apt-get');
  if (asRoot === null) throw cannotInstall(names, 'neither root nor sudo');
  say(`installing Debian packages: ${names.join(' ')}`);
  const services = missing.flatMap(({ service }) => service ?? []).join(' ');
  const install = (update) => runQuietly([...asRoot, 'sh', '-c', INSTALL_SCRIPT, 'sh', update, services, ...names]);
  const first = hasLists() ? '0' : '1';
  let end = await install(first);
  if (end.code !== 0 && first === '0') end = await install('1'); // the lists may be older than the archive
  if (end.code !== 0) throw cannotInstall(names, reasonIn(end.output));
  const still = missing.filter(({ probe }) => !isInstalled(probe));
  if (still.length > 0) throw cannotInstall(names, `"${still[0].probe}" is not there after the installation`);
}

export function isInstalled(probe) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
  const candidates = isAbsolute(probe) ? [probe] : folders.map((folder) => join(folder, probe));
  return candidates.some((path) => isUsable(path, isAbsolute(probe) ? constants.F_OK : constants.X_OK));
}

/** The words before a command that must run as root; null when there is no way. */
function rootCommand() {
  if (process.getuid?.() === 0) return [];
  return isInstalled('sudo') ? ['sudo', '-n'] : null; // -n: fails where it would ask for a password
}

function cannotInstall(names, reason) {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  const command = `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${names.join(' ')}`;
  return new SetupProblem(`Debian packages are missing and cannot be installed (${reason}); run: ${command}`);
}

function hasLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => /_Packages(?:\.\w+)?$/.test(name));
  } catch {
    return false;
  }
}

function runQuietly([file, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => (output = (output + chunk).slice(-16384));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function reasonIn(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.findLast((line) => /^(?:E:|sudo:)/.test(line)) ?? lines.at(-1) ?? 'apt-get failed').trim();
}

function isUsable(path, mode) {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
