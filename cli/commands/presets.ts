import type { Command } from 'commander';
import { findPreset, presetIds } from '../../config/presets.js';
import type { CliContext } from '../context.js';
import { presetsTable, presetText } from '../preset-text.js';

export function addPresets(program: Command, context: CliContext): void {
  program
    .command('presets')
    .description('list the upstreams that Millpond knows, or tell all about one and where it is known from')
    .argument('[preset]', 'name of one')
    .action(async (id?: string) => {
      if (id === undefined) {
        const presets = presetIds().map(findPreset);
        await context.print({ presets }, () => presetsTable(presets));
      } else {
        const preset = findPreset(id);
        await context.print(preset, () => presetText(preset));
      }
    });
}
