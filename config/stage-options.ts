import { closest } from 'fastest-levenshtein';

/**
 * rsync options that a stage may add, without and with a value; everything else is refused. They change how bytes
 * travel or which files are compared, never what the tree is made of, where it goes or what is reported: that is
 * Millpond's own part.
 */
export const PLAIN_OPTIONS = [
  ...['--checksum', '-c', '--compress', '-z', '--whole-file', '-W', '--no-whole-file', '--no-W', '--fuzzy', '-y'],
  ...[
    '--ignore-times',
    '-I',
    '--hard-links',
    '-H',
    '--safe-links',
    '--omit-dir-times',
    '-O',
    '--omit-link-times',
    '-J',
  ],
  ...['--prune-empty-dirs', '-m', '--one-file-system', '-x', '--no-motd', '--ipv4', '-4', '--ipv6', '-6', '--fsync'],
  ...['--inc-recursive', '--i-r', '--no-inc-recursive', '--no-i-r', '--secluded-args', '-s'],
  ...['--preallocate', '--sparse', '-S'],
] as const;
export const VALUE_OPTIONS = [
  ...['--max-size', '--min-size', '--max-alloc', '--block-size', '--checksum-choice', '--cc'],
  ...['--checksum-seed', '--compress-choice', '--zc', '--compress-level', '--zl', '--compress-threads', '--zt'],
  ...['--skip-compress', '--address', '--sockopts'],
] as const;

/** Why well-known options are refused. Names that end with `*` stand for all that begin so. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'would write into files that the published tree shares': ['--inplace', '--append*', '--write-devices'],
  'would let rsync serve instead of pull': ['--daemon', '--server', '--sender', '--config', '--detach', '--no-detach'],
  'would start another program; use "ssh_key:" and "ssh_port:"': ['--rsh', '-e', '--rsync-path'],
  'would change the other side alone': ['--remote-option', '-M', '--protocol'],
  'is set by Millpond itself; use "timeout:" and "stall:"': ['--timeout', '--contimeout', '--stop-*'],
  'is set by Millpond itself; use "sync.bandwidth:"': ['--bwlimit', '--no-bwlimit'],
  'is set by Millpond itself; use "password:"': ['--password-file', '--early-input'],
  'belongs into the upstream: rsync://host:port/module/': ['--port'],
  'decides about deletion; use "delete:" of the stage, and "guard:" for its limit': [
    ...['--del', '--delete*', '--max-delete', '--ignore-errors', '--force', '--remove-source-files'],
  ],
  'is set by Millpond itself': [
    ...['--partial*', '-P', '--temp-dir', '-T', '--delay-updates', '--log-file*', '--mkpath', '--recursive', '-r'],
    ...['--dirs', '-d', '--times', '-t', '--links', '-l', '--relative', '-R', '--no-relative', '--no-implied-dirs'],
  ],
  'would keep owners, permissions or devices of upstream; a mirror sets its own': [
    ...['--archive', '-a', '--perms', '-p', '--chmod', '--executability', '-E', '--acls', '-A', '--xattrs', '-X'],
    ...[
      '--owner',
      '-o',
      '--group',
      '-g',
      '--chown',
      '--usermap',
      '--groupmap',
      '--numeric-ids',
      '--super',
      '--fake-super',
    ],
    ...['--devices', '-D', '--specials', '--copy-devices'],
  ],
  'changes what links become; a tree keeps them as upstream has them': [
    ...['--keep-dirlinks', '-K', '--copy-links', '-L', '--copy-dirlinks', '-k', '--copy-unsafe-links', '--munge-links'],
    ...['--insecure-links', '--no-links', '--no-l', '--no-safe-links', '--no-hard-links', '--no-H'],
  ],
  'would take files from or to somewhere else than the tree': [
    ...['--link-dest', '--compare-dest', '--copy-dest', '--files-from', '--from0', '-0', '--backup*', '-b', '--suffix'],
    ...['--write-batch', '--only-write-batch', '--read-batch', '--copy-as', '--trust-sender', '--confine-root'],
  ],
  'is a filter; use "include:" and "exclude:"': [
    ...['--include*', '--exclude*', '--filter', '-f', '-F', '--cvs-exclude', '-C'],
  ],
  'would leave files different from upstream': [
    ...['--size-only', '--modify-window', '-@', '--update', '-u', '--existing', '--ignore-existing', '--iconv'],
    ...['--ignore-non-existing', '--ignore-missing-args'],
  ],
  'would change nothing': ['--dry-run', '-n', '--list-only', '--version', '-V', '--help'],
  'changes what rsync reports, which Millpond reads': [
    ...['--out-format', '--outbuf', '--info', '--debug', '--stats', '--verbose', '-v', '--quiet', '-q', '--stderr'],
    ...['--progress', '--itemize-changes', '-i', '--human-readable', '-h', '--8-bit-output', '-8', '--msgs2stderr'],
  ],
};

/** Why `option` may not be added to a stage, as a sentence that quotes it, or undefined when it may. */
export function stageOptionProblem(option: string): string | undefined {
  const quoted = JSON.stringify(option);
  if (/\p{Cc}/u.test(option)) return `${quoted} holds a control character`;
  if (!option.startsWith('-')) return `${quoted} is not an option: each begins with "-", with its value after "="`;
  if (option === '-' || option === '--') return `${quoted} is not an option`;
  if (!option.startsWith('--')) return bundleProblem(option, quoted);
  const [name = '', ...value] = option.split('=');
  if (isPlain(name) && value.length === 0) return undefined;
  if (isPlain(name)) return `${quoted}: "${name}" takes no value`;
  if (!isWithValue(name)) return `${quoted} ${reasonAgainst(name)}`;
  if (value.join('=') === '') return `${quoted} needs a value in the same word: ${name}=VALUE`;
  return undefined;
}

/** Several letters behind one dash are as many options. */
function bundleProblem(option: string, quoted: string): string | undefined {
  for (const letter of option.slice(1)) {
    if (isPlain(`-${letter}`)) continue;
    return option.length === 2
      ? `${quoted} ${reasonAgainst(option)}`
      : `${quoted}: "-${letter}" ${reasonAgainst(`-${letter}`)}`;
  }
  return undefined;
}

function reasonAgainst(name: string): string {
  for (const [reason, names] of Object.entries(REFUSED))
    if (names.some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each))) return reason;
  const near = closest(name, [...PLAIN_OPTIONS, ...VALUE_OPTIONS]);
  return `is not among the options that a stage may add (the nearest is ${near})`;
}

function isPlain(name: string): boolean {
  return (PLAIN_OPTIONS as readonly string[]).includes(name);
}

function isWithValue(name: string): boolean {
  return (VALUE_OPTIONS as readonly string[]).includes(name);
}
