import { describe, expect, test } from 'vitest';
import { mirror, problems } from './parsing.js';

const UPSTREAM = 'upstream: rsync://ftp.example.org/m/';
const MANUAL = 'schedule: manual';

describe('mirror', () => {
  test.each<[string[], string]>([
    [[MANUAL], 'mirrors.m.upstream: is missing'],
    [['upstream: []', MANUAL], 'mirrors.m.upstream: the list is empty'],
    [['upstream: 5', MANUAL], 'mirrors.m.upstream: 5 is not allowed here: it must be text, or a list of texts'],
    [['upstream: [/x, 5]', MANUAL], 'mirrors.m.upstream[1]: 5 is not text'],
    [['upstream: [/x, ]', 'every: 1h', 'exclude: [null]'], 'mirrors.m.exclude[0]: null is not text'],
    [['upstream: --rsh=sh', MANUAL], 'mirrors.m.upstream: "--rsh=sh" begins with "-"'],
    [[UPSTREAM], 'mirrors.m.schedule: is missing: write a cron expression, "manual", or "every: 4h" instead'],
    [[UPSTREAM, MANUAL, 'every: 4h'], 'mirrors.m.every: cannot stand beside "schedule": choose one'],
    [[UPSTREAM, 'every: 30s'], 'mirrors.m.every: "30s" is not a duration of 1m to 366d'],
    [
      [UPSTREAM, 'schedule: "61 * * * *"'],
      'mirrors.m.schedule: "61 * * * *" is not a cron expression: minute must be 0-59',
    ],
    [[UPSTREAM, 'shedule: manual'], 'mirrors.m.shedule: unknown key; did you mean "schedule"?'],
    [[UPSTREAM, 'schedule: "0 0 * * *"', 'timezone: Mars/X'], 'mirrors.m.timezone: "Mars/X" is not a time zone'],
    [[UPSTREAM, MANUAL, 'timezone: UTC'], 'mirrors.m.timezone: has a meaning only for a cron expression'],
    [[UPSTREAM, 'every: 1h', 'timezone: UTC'], 'mirrors.m.timezone: has a meaning only for a cron expression'],
    [[UPSTREAM, MANUAL, 'stages: two'], 'mirrors.m.stages: "two" is not allowed here: it must be "one", "apt", or a'],
    [[UPSTREAM, MANUAL, 'stages: []'], 'mirrors.m.stages: the list is empty'],
    [[UPSTREAM, MANUAL, 'stages: [{ name: A }]'], 'mirrors.m.stages[0].name: "A" is not a stage name'],
    [[UPSTREAM, MANUAL, 'stages: [{ exlude: x }]'], 'mirrors.m.stages[0].exlude: unknown key; did you mean "exclude"?'],
    [[UPSTREAM, MANUAL, 'stages: [{ delete: maybe }]'], 'mirrors.m.stages[0].delete: "maybe" is not true or false'],
    [[UPSTREAM, MANUAL, 'stages: [{ name: stage-2 }, {}]'], 'mirrors.m.stages[1].name: "stage-2" names an earlier'],
    [
      [UPSTREAM, MANUAL, 'stages: [{ options: [-z, --inplace] }]'],
      'mirrors.m.stages[0].options[1]: "--inplace" would write into files that the published tree shares',
    ],
    [[UPSTREAM, MANUAL, 'exclude: ["a\\nb"]'], 'mirrors.m.exclude[0]: "a\\nb" holds a NUL or a line break'],
    [[UPSTREAM, MANUAL, 'exclude: ["a\\0b"]'], 'holds a NUL or a line break'],
    [[UPSTREAM, MANUAL, 'exclude: " "'], 'mirrors.m.exclude: " " is an empty pattern'],
    [[UPSTREAM, MANUAL, 'exclude: "+ x"'], 'mirrors.m.exclude: "+ x" is a filter rule: write the pattern alone'],
    [[UPSTREAM, MANUAL, 'exclude: "!"'], 'mirrors.m.exclude: "!" is a filter rule'],
    [[UPSTREAM, MANUAL, 'timeout: 15d'], 'mirrors.m.timeout: "15d" is not a duration of 1s to 14d'],
    [[UPSTREAM, MANUAL, 'stall: 0s'], 'mirrors.m.stall: "0s" is not a duration of 1s to 1d'],
    [[UPSTREAM, MANUAL, 'retry: { attempts: 0 }'], 'mirrors.m.retry.attempts: 0 is not a whole number of 1 to 50'],
    [[UPSTREAM, MANUAL, 'retry: { backoff: 1h..1m }'], 'mirrors.m.retry.backoff: "1h..1m" is not a range of durations'],
    [[UPSTREAM, MANUAL, 'retry: { backoff: 1s..8d }'], 'is not a range of durations between 1s and 7d'],
    [
      [UPSTREAM, MANUAL, 'publish: rsync'],
      'mirrors.m.publish: "rsync" is not allowed: it must be "slots" or "in-place"',
    ],
    [[UPSTREAM, MANUAL, 'marker: {}'], 'mirrors.m.marker.path: is missing'],
    [[UPSTREAM, MANUAL, 'marker: { path: "" }'], 'the path of the marker is empty'],
    [[UPSTREAM, MANUAL, 'marker: { path: /x }'], 'mirrors.m.marker.path: "/x" begins with "/"'],
    [[UPSTREAM, MANUAL, 'marker: { path: x/ }'], 'mirrors.m.marker.path: "x/" names a folder'],
    [[UPSTREAM, MANUAL, 'marker: { path: x/../../y }'], '"x/../../y" holds an empty part, "." or ".."'],
    [[UPSTREAM, MANUAL, 'marker: { path: "x\\ny" }'], '"x\\ny" holds a control character'],
    [[UPSTREAM, MANUAL, 'marker: { path: "trace/*" }'], '"trace/*" holds a wildcard: a marker is one file'],
    [
      [UPSTREAM, MANUAL, 'marker: { path: x, parser: y }'],
      'mirrors.m.marker.parser: "y" is not allowed: it must be "epoch", "date-line", "date", "trace", "key-date", ' +
        '"utc-dashes", "last-modified", "json" or "text"',
    ],
    [[UPSTREAM, MANUAL, 'marker: { path: [x, "*"] }'], '"*" holds a wildcard: a marker is one file'],
    [[UPSTREAM, MANUAL, 'marker: { path: [a, b, c, d, e, f, g, h, i] }'], 'must not have more than 8 candidates'],
    [[UPSTREAM, MANUAL, 'marker: { path: x, parser: json }'], 'mirrors.m.marker.field: is missing: name the member'],
    [[UPSTREAM, MANUAL, 'marker: { path: x, field: y }'], 'mirrors.m.marker.field: has a meaning only for the parsers'],
    [[UPSTREAM, MANUAL, 'marker: { url: "https://h/x/" }'], 'mirrors.m.marker.path: is missing'],
    [[UPSTREAM, MANUAL, 'marker: { url: "ftp://h/x" }'], '"ftp://h/x" is not an address'],
    [
      [UPSTREAM, MANUAL, 'marker: { url: "https://us:er@h/x" }'],
      'is not an address: write it as https://deb.example.org',
    ],
    [[UPSTREAM, MANUAL, 'origin: { url: "https://h/" }'], 'mirrors.m.origin: has a meaning only beside "marker"'],
    [
      [UPSTREAM, MANUAL, 'marker: { url: "https://h/x" }', 'origin: { url: "https://h/" }'],
      'mirrors.m.origin: needs the "path" of the marker',
    ],
    [[UPSTREAM, MANUAL, 'heartbeat: x'], 'mirrors.m.heartbeat: has a meaning only beside a marker of the content'],
    [
      [UPSTREAM, MANUAL, 'marker: { path: y, meaning: run }', 'heartbeat: x'],
      'mirrors.m.heartbeat: has a meaning only beside a marker of the content',
    ],
    [[UPSTREAM, MANUAL, 'wait_while: { files: [] }'], 'mirrors.m.wait_while.files'],
    [[UPSTREAM, MANUAL, 'wait_while: { files: "a*/b" }'], '"a*/b" holds a wildcard other than "*" and "?" in its last'],
    [[UPSTREAM, MANUAL, 'wait_while: { files: "../x-*" }'], '"../x" holds an empty part, "." or ".."'],
    [
      [UPSTREAM, MANUAL, 'pace: { max_per_day: 0 }'],
      'mirrors.m.pace.max_per_day: 0 is not a whole number of 1 to 1000',
    ],
    [[UPSTREAM, MANUAL, 'pace: { minutes: 55-5 }'], '"55-5" is not a range of minutes of the hour, 0 to 59'],
    [[UPSTREAM, MANUAL, 'pace: { minutes: 5-60 }'], '"5-60" is not a range of minutes of the hour, 0 to 59'],
    [[UPSTREAM, MANUAL, 'trace: { path: x }'], 'mirrors.m.trace.kind'],
    [[UPSTREAM, MANUAL, 'trace: { kind: epoch, path: ../x }'], '"../x" holds an empty part, "." or ".."'],
    [[UPSTREAM, MANUAL, 'trace: { kind: debian, host: "a b" }'], '"a b" is not the name of a host'],
    [[UPSTREAM, MANUAL, 'file_list: a/b'], '"a/b" holds a "/": the list is a file at upstream\'s root'],
    [[UPSTREAM, MANUAL, 'guard: { max_delete_bytes: lots }'], '"lots" is not a size: write it as 500GB or 500GiB'],
    [
      [UPSTREAM, MANUAL, 'guard: { max_delete_files: 3 }'],
      'mirrors.m.guard.max_delete_files: 3 is not a whole number of 20 to',
    ],
    [[UPSTREAM, MANUAL, 'keep: { daily: 7 }', 'publish: in-place'], 'mirrors.m.keep: needs "publish: slots"'],
    [[UPSTREAM, MANUAL, 'keep: { hourly: 7 }'], 'mirrors.m.keep.hourly: unknown key; allowed here: daily, weekly'],
    [[UPSTREAM, MANUAL, 'guard: { max_delete: 101% }'], 'mirrors.m.guard.max_delete: "101%" is not a share of 0% to'],
    [[UPSTREAM, MANUAL, 'password: {}'], 'mirrors.m.password: must hold either "file" or "env"'],
    [[UPSTREAM, MANUAL, 'password: { file: a, env: B }'], 'mirrors.m.password: must hold either "file" or "env"'],
    [['upstream: h:x', MANUAL, 'password: { env: B }'], 'mirrors.m.password: is for rsync daemons, and no upstream is'],
    [[UPSTREAM, MANUAL, 'ssh_key: ./k'], 'mirrors.m.ssh_key: is for ssh, and no upstream uses it'],
    [[UPSTREAM, MANUAL, 'ssh_port: 22'], 'mirrors.m.ssh_port: is for ssh, and no upstream uses it'],
    [['upstream: h:x', MANUAL, "ssh_key: 'a\"b'"], 'mirrors.m.ssh_key: "a\\"b" holds a double quote'],
    [['upstream: h:x', MANUAL, 'ssh_key: ~/.ssh/k'], 'mirrors.m.ssh_key: "~/.ssh/k" begins with "~"'],
    [[UPSTREAM, MANUAL, 'title: ""'], 'mirrors.m.title: "" is empty'],
    [[UPSTREAM, MANUAL, 'description: "a\\0b"'], 'holds a control character'],
  ])('refuses a mirror with %j: %s', (lines, sentence) =>
    expect(problems(() => mirror(...lines)).join('\n')).toContain(sentence),
  );

  test.each([
    'upstream: rsync://bob:hunter2@h/m/',
    'upstream: [/x, "bob:hunter2@h::m"]',
    'password: hunter2',
    'password: [hunter2]',
    'password: { hunter2: }',
    'password: { hunter2: x, file: y }',
    'password: { env: "hunter2!" }',
    'password: { file: "hunter2\\n" }',
    'password: { file: { hunter2: x } }',
    'password: { file: [hunter2] }',
  ])('never repeats a password that was written as %s', (line) => {
    const key = line.split(':')[0] ?? '';
    const rest = key === 'upstream' ? [] : [UPSTREAM];
    const told = problems(() => mirror(line, ...rest, MANUAL)).join('\n');
    expect(told).toContain(`mirrors.m.${key}`);
    expect(told).not.toContain('hunter2');
  });

  test('refuses texts that are far too long', () => {
    const read = (): unknown => mirror(UPSTREAM, MANUAL, ...['title', 'description', 'exclude'].map(longText));
    expect(problems(read)).toEqual([
      expect.stringMatching(/^mirrors\.m\.title: "x+… is longer than 200 characters/),
      expect.stringMatching(/^mirrors\.m\.description: "x+… is longer than 2000 characters/),
      expect.stringMatching(/^mirrors\.m\.exclude: "x+… is longer than 4096 characters/),
    ]);
  });
});

function longText(key: string): string {
  return `${key}: ${'x'.repeat(4097)}`;
}
