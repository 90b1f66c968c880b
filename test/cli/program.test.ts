import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MillpondError } from '../../core/errors.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { command, CONFIG, NOW, openControlScene, startCommand, writeRunLog } from './scene.js';

describe('runCli', () => {
  it('prints its version and its help', async () => {
    const cwd = await tempFolder();
    expect(await command(['--version'], { cwd })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d/) as string,
    });
    const help = await command(['sync', '--help'], { cwd });
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('--wait');
    expect(help.stdout).toContain('--config');
  });

  it.each([
    ['an unknown verb', ['stauts'], 'Did you mean status?'],
    ['an unknown option', ['status', '--jsn'], 'Did you mean --json?'],
    ['a missing mirror', ['sync'], "missing required argument 'mirror'"],
    ['a pause without a reason', ['pause', 'debian'], '--reason'],
    ['a run that is no number', ['logs', 'debian', '--run', '1x'], 'must be the number of a run'],
    ['no verb', [], 'Usage: millpond'],
  ])('answers %s with exit code 2', async (_name, args, words) => {
    const { code, stdout, stderr } = await command(args, { cwd: await tempFolder() });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(words);
  });

  it('says where it looked when there is no configuration', async () => {
    const cwd = await tempFolder();
    const { code, stderr } = await command(['status'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`error: no configuration was found: looked for "${cwd}/millpond.yaml"`);
    expect(stderr).toContain('millpond init');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('says for which data folder Millpond is not running', async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, 'other.yaml'), CONFIG);
    const args = ['status', '--config', 'other.yaml'];
    const { code, stderr } = await command(args, { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`error: Millpond is not running for the data folder "${cwd}/data"\n`);
    const json = await command([...args, '--json'], { cwd });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'unavailable' } });
  });

  it('shows the stack of an error only when asked', async () => {
    const cwd = await tempFolder();
    const { stderr } = await command(['status'], { cwd, env: { MILLPOND_DEBUG: '1' } });
    expect(stderr).toMatch(/\n\s+at /);
  });
});

describe('millpond status', () => {
  it('lists all mirrors, and says what is wrong', async () => {
    const { folder, engine, store } = await openControlScene();
    store.generations.add({
      ...{ mirror: 'debian', runId: null, slot: 'a', state: 'live', files: 3, bytes: 1_900_000_000_000 },
      ...{ markerValue: null, markerTime: null, verification: null, publishedAt: NOW, confirmedAt: NOW },
    });
    engine.pause('ubuntu', 'its disk is swapped');
    const { code, stdout } = await command(['status'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Millpond 1\.2\.3 is running \(process \d+\): /);
    expect(stdout).toMatch(/\n\S debian +\S.* 2026-11-23 14:00 UTC +1\.9 TB +-\n/);
    expect(stdout).toMatch(/\n‖ ubuntu +paused /);
    expect(stdout).toContain('‖ ubuntu: Paused by operations since 2026-11-23 14:00 UTC: its disk is swapped.');
    const json = await command(['--json', 'status'], { cwd: folder });
    expect(JSON.parse(json.stdout)).toMatchObject({ mirrors: [{ name: 'debian' }, { name: 'ubuntu' }] });
  });

  it('tells all of one mirror', async () => {
    const { folder, engine } = await openControlScene();
    const run = engine.end(engine.trigger('debian', 'manual'), {
      ...{ outcome: 'failed', failure: 'connect', message: 'Upstream did not answer.' },
    });
    const { stdout } = await command(['status', 'debian'], { cwd: folder });
    expect(stdout).toContain('Upstream:   rsync://upstream.example.org/debian/\n');
    expect(stdout).toContain(`Last run:   run ${run.id}: failed at 2026-11-23 14:00 UTC;`);
    expect(stdout).toContain('Upstream did not answer.');
    const json = await command(['status', 'debian', '--json'], { cwd: folder });
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'debian', lastRun: { id: run.id } });
  });

  it('suggests the closest name for one that does not exist', async () => {
    const { folder } = await openControlScene();
    const { code, stderr } = await command(['status', 'debain'], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toBe('error: there is no mirror "debain"\nDid you mean "debian"?\n');
  });

  it('reaches the running program with a configuration that has become wrong', async () => {
    const { folder, configFile } = await openControlScene();
    await writeFile(configFile, `${CONFIG}\nsnyc: {}\n`);
    expect((await command(['status'], { cwd: folder })).code).toBe(0);
    await writeFile(configFile, 'mirrors: [');
    expect((await command(['status'], { cwd: folder })).stderr).toContain('cannot be used');
  });
});

describe('millpond sync', () => {
  it('asks for a run and says how to follow it', async () => {
    const { folder, store } = await openControlScene();
    const { code, stdout } = await command(['sync', 'debian', '--force'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toBe('Run 1 of debian waits for its turn. To follow it: millpond logs debian --follow\n');
    expect(store.runs.get(1)).toMatchObject({ trigger: 'manual', force: true });
  });

  it.each([
    ['updated', 0],
    ['unchanged', 0],
    ['failed', 1],
    ['cancelled', 1],
    ['quarantined', 1],
    ['interrupted', 1],
    ['held', 3],
  ] as const)('waits for a run that is %s and exits with %i', async (outcome, code) => {
    const { folder, engine } = await openControlScene();
    engine.onTrigger = (run) => void engine.end(run, { outcome, message: 'This is why.' });
    const result = await command(['sync', 'debian', '--wait'], { cwd: folder });
    expect(result.code).toBe(code);
    expect(result.stdout).toContain(`Run 1 of debian: ${outcome}. This is why.\n`);
    await expect.poll(() => engine.listeners.size).toBe(0);
    engine.onTrigger = (run) => void engine.end(run, { outcome });
    const json = await command(['sync', 'debian', '--wait', '--json'], { cwd: folder });
    expect(json.code).toBe(code);
    expect(JSON.parse(json.stdout)).toMatchObject({ id: 2, outcome });
  });

  const PROGRESS = {
    ...{ stage: 'content', stageIndex: 1, stageCount: 2, pass: 1, files: 1234, bytes: 1.5e9, rate: 35e6 },
    ...{ percent: 42.7, toCheck: 1, known: 2, eta: 180 },
  };

  it('prints a line a phase and a line a tenth without a terminal, of its own run only', async () => {
    const { folder, engine } = await openControlScene();
    engine.onTrigger = (run) => {
      const other = engine.trigger('debian', 'schedule');
      engine.onTrigger = () => undefined;
      engine.enter(run, 'prepare');
      engine.end(other, { outcome: 'failed' });
      for (const percent of [42.7, 43, 49.9, 50])
        engine.tell({ type: 'run.progress', mirror: 'debian', runId: run.id, progress: { ...PROGRESS, percent } });
      engine.end(run, { outcome: 'updated' });
    };
    const { stdout } = await command(['sync', 'debian', '--wait'], { cwd: folder });
    expect(stdout.split('\n')).toEqual([
      'Run 1 of debian waits for its turn.',
      'preparing the new tree',
      'content 1/2  42 %  1.5 GB  35.0 MB/s  1,234 files  3 min left',
      'content 1/2  50 %  1.5 GB  35.0 MB/s  1,234 files  3 min left',
      'Run 1 of debian: updated.',
      '0 files transferred, 0 B received in 5 s.',
      '',
    ]);
  });

  it('draws a bar on a terminal and removes it', async () => {
    const { folder, engine } = await openControlScene();
    engine.onTrigger = (run) => {
      engine.tell({ type: 'run.progress', mirror: 'debian', runId: run.id, progress: PROGRESS });
      engine.end(run, { outcome: 'updated' });
    };
    const { stdout } = await command(['sync', 'debian', '--wait'], { cwd: folder, isTTY: true });
    expect(stdout).toContain('\r\x1b[2K[##########--------------] content 1/2  42 %');
    expect(stdout).toContain('\r\x1b[2KRun 1 of debian: updated.');
  });

  it('leaves the run going when the waiting is interrupted', async () => {
    const { folder, engine, store } = await openControlScene();
    const { stdout, stderr, signals, ended } = startCommand(['sync', 'debian', '--wait'], { cwd: folder });
    await stdout.holds('waits for its turn');
    signals.emit('SIGINT', 'SIGINT');
    expect(await ended).toBe(130);
    expect(stderr.text).toContain('Run 1 of debian goes on. To follow it: millpond logs debian --follow');
    expect(engine.cancelled).toEqual([]);
    expect(store.runs.get(1)?.phase).toBe('queued');
  });

  it('says that Millpond went away while it waited', async () => {
    const scene = await openControlScene();
    const { stdout, stderr, ended } = startCommand(['sync', 'debian', '--wait'], { cwd: scene.folder });
    await stdout.holds('waits for its turn');
    await scene.stop();
    expect(await ended).toBe(1);
    expect(stderr.text).toContain('error: Millpond stopped telling about the run of debian before it had ended');
  });

  it('says that the mirror is paused', async () => {
    const { folder, engine } = await openControlScene();
    engine.pause('debian', 'its disk is swapped');
    const { code, stderr } = await command(['sync', 'debian', '--wait'], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toBe('error: debian is paused: its disk is swapped\nResume it.\n');
  });
});

describe('millpond cancel, pause, resume, rollback', () => {
  it('cancels what runs, and says when nothing did', async () => {
    const { folder, engine } = await openControlScene();
    expect((await command(['cancel', 'debian'], { cwd: folder })).stdout).toContain('Nothing was cancelled');
    engine.enter(engine.trigger('debian', 'manual'), 'pull');
    const { code, stdout } = await command(['cancel', 'debian'], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Cancelled run 1 of debian.\n' });
  });

  it('pauses with a reason and resumes', async () => {
    const { folder, store } = await openControlScene();
    const paused = await command(['pause', 'debian', '--reason', 'its disk is swapped'], { cwd: folder });
    expect(paused.stdout).toContain('To go on: millpond resume debian');
    expect(store.mirrors.get('debian').pauseReason).toBe('its disk is swapped');
    const resumed = await command(['resume', 'debian', '--json'], { cwd: folder });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ name: 'debian', paused: null });
    expect(store.mirrors.get('debian').pausedAt).toBeNull();
  });

  it('rolls back, or says why it cannot', async () => {
    const { folder } = await openControlScene();
    const done = await command(['rollback', 'debian'], { cwd: folder });
    expect(done.stdout).toContain('debian is served from generation 7 again, and is paused.');
    const refused = await command(['rollback', 'ubuntu'], { cwd: folder });
    expect(refused).toMatchObject({ code: 1, stderr: 'error: ubuntu has no previous generation\nWait.\n' });
  });
});

describe('millpond reload', () => {
  it('says what has changed', async () => {
    const scene = await openControlScene();
    expect((await command(['reload'], { cwd: scene.folder })).stdout).toBe('Reloaded: nothing has changed.\n');
    scene.reload = () => Promise.resolve({ changed: ['sync.jitter', 'mirrors.debian'] });
    const { stdout } = await command(['reload'], { cwd: scene.folder });
    expect(stdout).toBe('Reloaded: changed sync.jitter, mirrors.debian.\n');
  });

  it('lists every problem of a configuration that was refused', async () => {
    const scene = await openControlScene();
    scene.reload = () => Promise.reject(new MillpondError('invalid', 'it cannot be used:\n  a: b\n  c: d'));
    const { code, stderr } = await command(['reload'], { cwd: scene.folder });
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: it cannot be used:\n  a: b\n  c: d\n' });
  });
});

describe('millpond logs', () => {
  it('prints the log of the running run, else of the newest, without what steers a terminal', async () => {
    const scene = await openControlScene();
    const { folder, engine } = scene;
    expect((await command(['logs', 'debian'], { cwd: folder })).stderr).toContain('debian has had no run yet');
    const first = engine.end(engine.trigger('debian', 'manual'), { outcome: 'updated' });
    await writeRunLog(scene, first, 'one \x1b[2J\n');
    expect((await command(['logs', 'debian'], { cwd: folder })).stdout).toBe('one \\x1b[2J\n');
    const second = engine.enter(engine.trigger('debian', 'manual'), 'pull');
    engine.trigger('debian', 'manual');
    await writeRunLog(scene, second, 'two\n');
    expect((await command(['logs', 'debian'], { cwd: folder })).stdout).toBe('two\n');
    const json = await command(['logs', 'debian', '--run', String(first.id), '--json'], { cwd: folder });
    expect(JSON.parse(json.stdout)).toEqual({ run: first.id, line: 'one \x1b[2J' });
    const other = await command(['logs', 'ubuntu', '--run', String(first.id)], { cwd: folder });
    expect(other.stderr).toBe(
      `error: run ${first.id} is not one of ubuntu but of debian\nTo see it: millpond logs debian --run ${first.id}\n`,
    );
  });

  it('follows until the run has ended', async () => {
    const scene = await openControlScene();
    const run = scene.engine.enter(scene.engine.trigger('debian', 'manual'), 'pull');
    const { stdout, ended } = startCommand(['logs', 'debian', '--follow'], { cwd: scene.folder });
    await writeRunLog(scene, run, 'first\n');
    await stdout.holds('first\n');
    await writeRunLog(scene, run, 'last\n');
    scene.engine.end(run, { outcome: 'updated' });
    expect(await ended).toBe(0);
    expect(stdout.text).toBe('first\nlast\n');
  });
});

describe('millpond init, schema', () => {
  it('writes a configuration that can be used, and never over another', async () => {
    const cwd = await tempFolder();
    const { code, stdout } = await command(['init'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toBe(`Wrote ${cwd}/millpond.yaml. Edit it, then run: millpond check --config millpond.yaml\n`);
    const written = await readFile(join(cwd, 'millpond.yaml'), 'utf8');
    expect(written).toContain('mirrors:');
    const again = await command(['init'], { cwd });
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') as string });
    expect(await readFile(join(cwd, 'millpond.yaml'), 'utf8')).toBe(written);
    const nowhere = await command(['init', 'no/such/file.yaml'], { cwd });
    expect(nowhere.stderr).toBe(`error: the folder "${cwd}/no/such" does not exist\n`);
  });

  it('prints the JSON Schema of the configuration', async () => {
    const { code, stdout } = await command(['schema'], { cwd: await tempFolder() });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ properties: { mirrors: {} } });
  });
});
