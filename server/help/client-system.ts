/** What a client seems to run, from its User-Agent: a default that people can change, never more. */
export interface ClientSystem {
  readonly id: string;
  /** Name for people. */
  readonly label: string;
  /** Kinds of templates (`lang` of a help block) that are meant for it. */
  readonly langs: readonly string[];
  /** Presets whose name begins so are for it before others of the same kind. */
  readonly presets: readonly string[];
}

interface Known extends ClientSystem {
  readonly agent: RegExp;
}

const APT = ['deb822', 'apt'];

/** The first that matches is it: names of distributions before those of kernels. */
const SYSTEMS: readonly Known[] = [
  { id: 'ubuntu', label: 'Ubuntu', agent: /ubuntu/i, langs: APT, presets: ['ubuntu'] },
  { id: 'mint', label: 'Linux Mint', agent: /linux ?mint/i, langs: APT, presets: ['linuxmint', 'ubuntu'] },
  { id: 'kali', label: 'Kali Linux', agent: /\bkali\b/i, langs: APT, presets: ['kali'] },
  {
    id: 'raspberry',
    label: 'Raspberry Pi OS',
    agent: /raspb/i,
    langs: APT,
    presets: ['raspberrypi', 'raspbian', 'debian'],
  },
  { id: 'debian', label: 'Debian', agent: /debian/i, langs: APT, presets: ['debian'] },
  { id: 'fedora', label: 'Fedora', agent: /fedora/i, langs: ['ini'], presets: ['fedora'] },
  { id: 'alma', label: 'AlmaLinux', agent: /almalinux/i, langs: ['ini'], presets: ['almalinux', 'epel'] },
  { id: 'rocky', label: 'Rocky Linux', agent: /rocky/i, langs: ['ini'], presets: ['rocky', 'epel'] },
  { id: 'centos', label: 'CentOS Stream', agent: /centos|red ?hat/i, langs: ['ini'], presets: ['centos', 'epel'] },
  { id: 'opensuse', label: 'openSUSE', agent: /suse/i, langs: ['sh'], presets: ['opensuse'] },
  { id: 'manjaro', label: 'Manjaro', agent: /manjaro/i, langs: ['pacman'], presets: ['manjaro'] },
  { id: 'arch', label: 'Arch Linux', agent: /\barch ?linux|\bpacman\//i, langs: ['pacman'], presets: ['archlinux'] },
  { id: 'alpine', label: 'Alpine Linux', agent: /alpine|\bapk-tools/i, langs: ['lines'], presets: ['alpine'] },
  { id: 'gentoo', label: 'Gentoo', agent: /gentoo/i, langs: ['portage', 'sh'], presets: ['gentoo'] },
  { id: 'freebsd', label: 'FreeBSD', agent: /freebsd/i, langs: [], presets: ['freebsd'] },
  { id: 'openbsd', label: 'OpenBSD', agent: /openbsd/i, langs: [], presets: ['openbsd'] },
  { id: 'netbsd', label: 'NetBSD', agent: /netbsd/i, langs: [], presets: ['netbsd'] },
  { id: 'windows', label: 'Windows', agent: /windows/i, langs: [], presets: [] },
  { id: 'macos', label: 'macOS', agent: /macintosh|mac ?os|darwin/i, langs: [], presets: [] },
  { id: 'linux', label: 'Linux', agent: /linux/i, langs: [], presets: [] },
];

/** All that may be chosen. */
export const CLIENT_SYSTEMS: readonly ClientSystem[] = SYSTEMS;

/** The system that `asked` names, else the one that the User-Agent tells of; null where neither is known. */
export function clientSystem(asked: string, userAgent: string | undefined): ClientSystem | null {
  const named = SYSTEMS.find(({ id }) => id === asked);
  if (named) return named;
  const agent = (userAgent ?? '').slice(0, 500);
  return SYSTEMS.find(({ agent: pattern }) => pattern.test(agent)) ?? null;
}

/** Whether a preset with templates of these kinds is for the system. */
export function isFor(system: ClientSystem, preset: string): boolean {
  return system.presets.some((name) => preset.startsWith(name));
}
