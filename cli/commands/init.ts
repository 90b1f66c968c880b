import type { Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { initTemplate } from '../../config/template.js';
import { messageOf, MillpondError, systemCode } from '../../core/errors.js';
import type { CliContext } from '../context.js';

export function addInit(program: Command, context: CliContext): void {
  program
    .command('init')
    .description('write a commented configuration to start from; never over a file that exists')
    .argument('[file]', 'where to', 'millpond.yaml')
    .action(async (name: string) => {
      const file = resolve(context.io.cwd, name);
      await writeNew(file, initTemplate());
      await context.print({ file }, () => `Wrote ${file}. Edit it, then run: millpond check --config ${name}`);
    });
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST')
      throw new MillpondError('conflict', `the file "${file}" exists already`, {
        hint: 'Nothing was written. Give another name, or move that file away.',
      });
    if (code === 'ENOENT') throw new MillpondError('not-found', `the folder "${dirname(file)}" does not exist`);
    throw new MillpondError('unavailable', `the file "${file}" cannot be written: ${messageOf(error)}`);
  }
}
