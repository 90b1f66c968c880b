import { appendFileSync, existsSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LogFollower } from '../../../server/front/log-follower.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

interface Scene {
  readonly folder: string;
  readonly file: string;
  readonly lines: string[];
  readonly troubles: unknown[];
  /** One that goes on from what the folder remembers. */
  follow(): LogFollower;
}

async function openScene(): Promise<Scene> {
  const folder = await tempFolder();
  const file = join(folder, 'front.log');
  const [lines, troubles]: [string[], unknown[]] = [[], []];
  const follow = (): LogFollower => {
    const follower = new LogFollower({
      file: () => file,
      place: join(folder, 'place.json'),
      onLine: (line) => void lines.push(line),
      onTrouble: (error) => void troubles.push(error),
    });
    onTestFinished(() => follower.stop());
    return follower;
  };
  return { folder, file, lines, troubles, follow };
}

test('lines are told of when they are whole, each once, also after a restart', async () => {
  const { file, lines, follow } = await openScene();
  const first = follow();
  await first.poll();
  appendFileSync(file, 'one\ntw');
  await first.poll();
  await first.poll();
  expect(lines).toEqual(['one']);
  appendFileSync(file, 'o\n\xfc\n', 'latin1');
  await first.stop();
  appendFileSync(file, 'three\n');
  await follow().poll();
  expect(lines).toEqual(['one', 'two', '\xfc', 'three']);
});

test('a log that is renamed is read to its end, also what is written to it a moment later', async () => {
  const { file, lines, follow } = await openScene();
  writeFileSync(file, 'a\n');
  const follower = follow();
  await follower.poll();
  renameSync(file, `${file}.1`);
  writeFileSync(file, 'c\n');
  await follower.poll();
  appendFileSync(`${file}.1`, 'b\n');
  await follower.poll();
  await follower.poll();
  expect(lines).toEqual(['a', 'b', 'c']);
});

test('what was renamed while nobody read is read first', async () => {
  const { file, lines, follow } = await openScene();
  writeFileSync(file, 'a\n');
  await follow().stop();
  appendFileSync(file, 'b\n');
  renameSync(file, `${file}.1`);
  writeFileSync(file, 'c\n');
  const next = follow();
  for (let poll = 0; poll < 3; poll++) await next.poll();
  expect(lines).toEqual(['a', 'b', 'c']);
});

test('a log that was cut to nothing is begun anew, and a long line is passed over', async () => {
  const { file, lines, follow } = await openScene();
  writeFileSync(file, 'a\n');
  const follower = follow();
  await follower.poll();
  truncateSync(file);
  await follower.poll();
  appendFileSync(file, `${'x'.repeat(600_000)}\nb\n`);
  await follower.poll();
  expect([lines[0], lines.at(-1)]).toEqual(['a', 'b']);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(256 * 1024);
});

test('what cannot be read is told of once, and tried again', async () => {
  const { folder, lines, troubles, file, follow } = await openScene();
  writeFileSync(file, 'a\n');
  writeFileSync(join(folder, 'blocked'), '');
  const follower = new LogFollower({
    file: () => file,
    place: join(folder, 'blocked', 'place.json'),
    onLine: (line) => void lines.push(line),
    onTrouble: (error) => void troubles.push(error),
  });
  await follower.poll();
  await follower.poll();
  expect([troubles.length, lines]).toEqual([1, []]);
  expect(existsSync(join(folder, 'place.json'))).toBe(false);
  await follower.stop();
  await follow().poll();
  expect(lines).toEqual(['a']);
});
