import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Layout } from '../../content/layout.js';
import { exposePublicly, flushTree, hideFromPublic, liveSlot, switchLive } from '../../content/publish.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeTree } from '../fixtures/tree.js';

async function twoSlots(): Promise<Layout> {
  const layout = new Layout(await tempFolder());
  for (const slot of ['a', 'b'] as const) writeTree(layout.slot('pond', slot), { name: slot });
  return layout;
}

test('switchLive points live to a slot, and liveSlot tells which', async () => {
  const layout = await twoSlots();
  expect(await liveSlot(layout, 'pond')).toBeNull();
  for (const slot of ['a', 'b', 'b', 'a'] as const) {
    await switchLive(layout, 'pond', slot);
    expect(await liveSlot(layout, 'pond')).toBe(slot);
    expect(readFileSync(join(layout.live('pond'), 'name'), 'utf8')).toBe(slot);
  }
  expect(readlinkSync(layout.live('pond'))).toBe('slots/a');
  expect(readdirSync(layout.mirror('pond')).sort()).toEqual(['live', 'slots']);
});

test('switchLive is never seen half done', async () => {
  const layout = await twoSlots();
  await switchLive(layout, 'pond', 'a');
  const script = `while :; do read -r line < "$1/name" || { echo broken; exit; }; done`;
  writeFileSync(join(layout.slot('pond', 'a'), 'name'), 'a\n');
  writeFileSync(join(layout.slot('pond', 'b'), 'name'), 'b\n');
  const reader = spawn('sh', ['-c', script, 'sh', layout.live('pond')], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void reader.kill('SIGKILL'));
  let said = '';
  reader.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  for (let n = 0; n < 200; n++) await switchLive(layout, 'pond', n % 2 === 0 ? 'b' : 'a');
  expect(said).toBe('');
  expect(reader.exitCode).toBeNull();
  reader.kill('SIGKILL');
  await once(reader, 'exit');
});

test('switchLive goes over what a killed one left', async () => {
  const layout = await twoSlots();
  symlinkSync('slots/b', `${layout.live('pond')}.new`);
  await switchLive(layout, 'pond', 'a');
  expect(await liveSlot(layout, 'pond')).toBe('a');
  expect(existsSync(`${layout.live('pond')}.new`)).toBe(false);
});

test.each(['slots/c', '/etc', '../other', 'slots/a/'])('liveSlot knows no slot in a link to %j', async (target) => {
  const layout = await twoSlots();
  symlinkSync(target, layout.live('pond'));
  expect(await liveSlot(layout, 'pond')).toBeNull();
});

test('exposePublicly makes the live tree readable by its public name, and hideFromPublic takes it away', async () => {
  const layout = await twoSlots();
  await switchLive(layout, 'pond', 'b');
  await exposePublicly(layout, 'pond');
  await exposePublicly(layout, 'pond');
  expect(readFileSync(join(layout.publicLink('pond'), 'name'), 'utf8')).toBe('b');
  await hideFromPublic(layout, 'pond');
  await hideFromPublic(layout, 'pond');
  expect(readdirSync(layout.publicFolder)).toEqual([]);
  expect(readFileSync(join(layout.live('pond'), 'name'), 'utf8')).toBe('b');
});

test('hideFromPublic leaves what the operator put there', async () => {
  const layout = await twoSlots();
  mkdirSync(layout.publicFolder);
  symlinkSync('/srv/elsewhere', layout.publicLink('link'));
  writeTree(layout.publicFolder, { 'folder/file': 'x' });
  for (const name of ['link', 'folder']) await hideFromPublic(layout, name);
  expect(readdirSync(layout.publicFolder).sort()).toEqual(['folder', 'link']);
});

test('flushTree flushes a folder, and says so when it cannot', async () => {
  const layout = await twoSlots();
  await flushTree(layout.slot('pond', 'a'));
  await expect(flushTree(join(layout.data, 'none'))).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/flushing ".*none" to disk failed/) as string,
  });
});
