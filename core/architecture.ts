/** Names of processors as projects write them, by the name that is shown. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'x86-64': [
    'amd64',
    'x86_64',
    'x64',
    'x86-64',
    'win64',
    'intel64',
    '64bit',
    'slackware64',
    'big-sur-x86_64',
    'sonoma-x86_64',
  ],
  'x86, 32 bits': ['i386', 'i486', 'i586', 'i686', 'x86', 'win32', '32bit', 'slackware'],
  'ARM, 64 bits': ['arm64', 'aarch64', 'winarm64', 'evbarm-aarch64', 'big-sur-arm64', 'sonoma-arm64'],
  'ARM, 32 bits': ['armhf', 'armv7', 'armv7l', 'armel', 'armv6', 'armv6l'],
  'POWER, little-endian': ['ppc64el', 'ppc64le', 'powerpc64le'],
  'IBM Z': ['s390x'],
  'RISC-V, 64 bits': ['riscv64'],
};

const SHOWN = new Map(Object.entries(NAMES).flatMap(([shown, names]) => names.map((name) => [name, shown] as const)));

/** What a processor is called for people, whatever a project calls it; its own name where it is not a usual one. */
export function architectureName(name: string): string {
  return SHOWN.get(name.toLowerCase()) ?? name;
}

/** Whether two names are of the same processor. */
export function isSameArchitecture(one: string, other: string): boolean {
  return architectureName(one) === architectureName(other);
}

/**
 * The processor of a client, from its User-Agent; null where it says nothing. Browsers of Macs all say "Intel", whatever
 * they have, and so are not believed.
 */
export function clientArchitecture(userAgent: string | undefined): string | null {
  const agent = (userAgent ?? '').slice(0, 500);
  if (/aarch64|arm64|armv8/i.test(agent)) return 'ARM, 64 bits';
  if (/armv[67]|armhf/i.test(agent)) return 'ARM, 32 bits';
  if (/x86[_-]64|amd64|win64|wow64|x64/i.test(agent)) return 'x86-64';
  if (/riscv64/i.test(agent)) return 'RISC-V, 64 bits';
  if (/ppc64le|ppc64el/i.test(agent)) return 'POWER, little-endian';
  return /i[3-6]86/i.test(agent) ? 'x86, 32 bits' : null;
}
