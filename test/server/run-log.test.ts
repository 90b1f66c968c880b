import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPublicLog, readLogTail } from '../../server/run-log.js';

const hide = (line: string): string => line.replaceAll('secret', '***');

describe('the log of a run', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millpond-log-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function logOf(content: string | Buffer): Promise<string> {
    const file = join(folder, `${Math.random()}.log`);
    await writeFile(file, content);
    return file;
  }

  it('readLogTail gives all lines of a short log, scrubbed', async () => {
    expect(await readLogTail(await logOf('one\nsecret\n'), hide)).toEqual({ lines: ['one', '***'], cut: false });
  });

  it('readLogTail gives the last 200 lines of a long log, none of them torn', async () => {
    const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index} ${'x'.repeat(40)}`);
    const tail = await readLogTail(await logOf(`${lines.join('\n')}\n`), hide);
    expect(tail).toEqual({ lines: lines.slice(-200), cut: true });
  });

  it('readLogTail gives no line of an empty log, and null where there is none', async () => {
    expect(await readLogTail(await logOf(''), hide)).toEqual({ lines: [], cut: false });
    expect(await readLogTail(join(folder, 'absent.log'), hide)).toBeNull();
  });

  it('openPublicLog streams every line scrubbed, the last one without its end too', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `secret ${index}`);
    const log = await openPublicLog(await logOf(lines.join('\n')), hide);
    expect(log && (await text(log))).toBe(lines.map((line) => `${hide(line)}\n`).join(''));
  });

  it('openPublicLog cuts a line that never ends', async () => {
    const log = await openPublicLog(await logOf('a'.repeat(500_000)), (line) => line.slice(0, 10));
    const lines = log ? (await text(log)).trimEnd().split('\n') : [];
    expect(lines.length).toBeGreaterThan(3);
    expect(new Set(lines)).toEqual(new Set(['a'.repeat(10)]));
  });

  it('openPublicLog is null where there is no log', async () => {
    expect(await openPublicLog(join(folder, 'absent.log'), hide)).toBeNull();
  });
});
