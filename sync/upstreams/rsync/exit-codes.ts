import type { FailureClass } from '../../../core/failure.js';
import type { ChildEnd } from '../../../platform/child.js';

/** What rsync's exit codes mean (rsync(1), EXIT VALUES) and what to do about each. */
const EXIT_CODES: Readonly<Record<number, { failure: FailureClass; text: string }>> = {
  1: { failure: 'local', text: 'rsync does not accept its options' },
  2: { failure: 'refused', text: 'upstream speaks an incompatible rsync protocol' },
  3: { failure: 'local', text: 'rsync could not select its input or output files' },
  4: { failure: 'local', text: 'this rsync cannot do what was asked of it' },
  5: { failure: 'connect', text: 'upstream did not start the rsync protocol' },
  6: { failure: 'connect', text: 'the upstream daemon could not write its log' },
  10: { failure: 'connect', text: 'the connection to upstream failed' },
  11: { failure: 'local', text: 'reading or writing files here failed' },
  12: { failure: 'connect', text: 'the connection to upstream broke off' },
  13: { failure: 'local', text: 'rsync could not print its messages' },
  14: { failure: 'local', text: 'the processes of rsync could not talk to each other' },
  15: { failure: 'local', text: 'a process of rsync crashed' },
  16: { failure: 'killed', text: 'a process of rsync was killed by a signal' },
  19: { failure: 'killed', text: 'rsync was ended by a signal' },
  20: { failure: 'killed', text: 'rsync was ended by a signal' },
  21: { failure: 'local', text: 'rsync lost a process of its own' },
  22: { failure: 'local', text: 'rsync could not get memory' },
  23: { failure: 'partial', text: 'some files could not be transferred' },
  25: { failure: 'partial', text: 'more files would have been deleted than is allowed' },
  30: { failure: 'timeout', text: 'upstream sent nothing for too long' },
  35: { failure: 'connect', text: 'upstream did not answer the connection in time' },
  124: { failure: 'local', text: 'the remote command failed' },
  125: { failure: 'local', text: 'the remote command was killed' },
  126: { failure: 'local', text: 'the remote command cannot be executed' },
  127: { failure: 'local', text: 'rsync or ssh is not installed where it is needed' },
  255: { failure: 'connect', text: 'ssh could not connect' },
};

/** Words in the messages of rsync and ssh that say more than the exit code; the first that matches decides. */
const SPEAKING_WORDS: readonly { words: RegExp; failure: FailureClass; text: string }[] = [
  { words: /No space left on device|Disk quota exceeded/, failure: 'disk-full', text: 'the disk is full' },
  {
    words:
      /Name or service not known|Temporary failure in name resolution|nodename nor servname|Could not resolve host/,
    failure: 'dns',
    text: 'the name of the upstream host cannot be resolved',
  },
  { words: /@ERROR: max connections/, failure: 'refused', text: 'upstream has too many connections' },
  { words: /@ERROR: Unknown module/i, failure: 'refused', text: 'upstream has no such module' },
  {
    words:
      /@ERROR: (auth failed|access denied|permission denied)|Permission denied \(publickey|Host key verification failed/i,
    failure: 'refused',
    text: 'upstream refuses us',
  },
  { words: /@ERROR/, failure: 'refused', text: 'upstream refuses' },
  { words: /failed verification -- update/, failure: 'checksum', text: 'files came damaged' },
];

/** Exit code 24: files vanished at upstream while they were being read; all others came. */
export const VANISHED = 24;

/** Exit code 23, "partial transfer". */
const MISSING = 23;

/** Whether rsync ended only because files that were named are not at upstream. */
export function isMissing({ code, stderr }: Pick<ChildEnd, 'code' | 'stderr'>): boolean {
  const faults = stderr.split('\n').filter((line) => /^rsync: .* failed: /.test(line));
  const isAbsence = (line: string): boolean => /No such file or directory|Not a directory/.test(line);
  return code === MISSING && faults.length > 0 && faults.every(isAbsence);
}

/** The class of a failed end and one sentence about it, with the line of stderr that says most. */
export function failureOf(end: ChildEnd): { failure: FailureClass; message: string } {
  if (end.code === null)
    return { failure: 'killed', message: `rsync was killed by ${end.signal ?? 'an unknown signal'}.` };
  const said = SPEAKING_WORDS.find(({ words }) => words.test(end.stderr));
  // 23 with a local "permission denied" stays 23: most such trees lack a few unreadable files upstream
  const known = said ?? EXIT_CODES[end.code] ?? { failure: 'local' as const, text: 'rsync ended in an unknown way' };
  const line = tellingLine(end.stderr);
  const text = known.text.charAt(0).toUpperCase() + known.text.slice(1);
  return { failure: known.failure, message: `${text} (rsync exit code ${end.code})${line ? `: ${line}` : '.'}` };
}

function tellingLine(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^rsync error:/.test(line));
  const line = lines.find((text) => /@ERROR|rsync: |ssh: |denied|failed/.test(text)) ?? lines[0] ?? '';
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
