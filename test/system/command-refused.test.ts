import { describe, expect, test } from 'vitest';
import { expectRefusal, runMillpond } from '../fixtures/command-line.js';
import { createPond } from '../fixtures/pond.js';
import { writeConfig } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

/** Every command that asks the running program. */
const ASKING: (readonly string[])[] = [
  ['status'],
  ['status', 'pond'],
  ['sync', 'pond'],
  ['sync', 'pond', '--wait'],
  ['cancel', 'pond'],
  ['pause', 'pond', '--reason', 'x'],
  ['resume', 'pond'],
  ['logs', 'pond'],
  ['logs', 'pond', '--run', '1'],
  ['logs', 'pond', '--follow'],
  ['rollback', 'pond'],
  ['reload'],
];
const NOT_RUNNING = ['Millpond is not running for the data folder', 'Start it with `millpond serve`'];

describe('without a running program a command says so, and what to do', () => {
  test.each(ASKING.map((args) => [args.join(' '), args] as const))('%s', async (_, args) => {
    const mirrors = { pond: { upstream: 'rsync://127.0.0.1:1/pond/', schedule: 'manual' } };
    const config = await writeConfig(await tempFolder(), { mirrors });
    expectRefusal(await runMillpond(config, ...args), ...NOT_RUNNING);
    const { code, stdout, stderr } = await runMillpond(config, '--json', ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'unavailable' } });
  });

  test('also when the program was killed, or has ended', async () => {
    const pond = await createPond();
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const program = await pond.start();
      await program.end(signal);
      expectRefusal(await runMillpond(program.config, 'status'), `"${program.data}"`, ...NOT_RUNNING);
    }
  });
});

test('a mirror that there is not: every command suggests one, or says where they are', async () => {
  const { config } = await (await createPond()).start();
  for (const args of ASKING.filter((each) => each.includes('pond') && !each.includes('--run'))) {
    const typo = args.map((word) => (word === 'pond' ? 'pnd' : word));
    expectRefusal(await runMillpond(config, ...typo), 'there is no mirror "pnd"', 'Did you mean "pond"?');
  }
  const far = ['there is no mirror "something-else"', `The mirrors are in ${config}; \`millpond status\` lists them.`];
  expectRefusal(await runMillpond(config, 'status', 'something-else'), ...far);
});

test('a wrong command line is told with exit code 2, and nothing is asked of the program', async () => {
  const { config } = await (await createPond()).start();
  for (const [args, sentence] of [
    [['nonsense'], "unknown command 'nonsense'"],
    [['statsu'], '(Did you mean status?)'],
    [['sync'], "missing required argument 'mirror'"],
    [['sync', 'pond', '--wiat'], '(Did you mean --wait?)'],
    [['logs', 'pond', '--run', 'first'], 'It must be the number of a run.'],
    [['pause', 'pond'], "required option '-r, --reason <text>'"],
  ] as const) {
    const { code, stdout, stderr } = await runMillpond(config, ...args);
    expect({ code, stdout }, args.join(' ')).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
  }
});

test('without any configuration a command says where it has looked', async () => {
  const nowhere = await tempFolder();
  const end = await runMillpond(`${nowhere}/none.yaml`, 'status');
  expectRefusal(end, `the configuration "${nowhere}/none.yaml" does not exist`, 'millpond init');
});
