import { type Command, Option } from 'commander';
import { MillpondError } from '../../core/errors.js';
import { addFromPreset, planEntry } from '../add-mirror.js';
import type { CliContext } from '../context.js';

interface Flags {
  readonly arch?: readonly string[];
  readonly suites?: readonly string[];
  readonly select: Readonly<Record<string, readonly string[]>>;
  readonly country?: string;
  readonly name?: string;
  readonly upstream?: string;
  readonly accept: readonly string[];
  readonly yes?: boolean;
}

export function addAdd(program: Command, context: CliContext): void {
  const words = (value: string): string[] => value.split(',').map((word) => word.trim());
  program
    .command('add')
    .description('add a mirror of a known upstream to the configuration')
    .argument('<preset>', 'which one: see millpond presets')
    .option('--arch <list>', 'only these architectures, separated by commas', words)
    .option('--suites <list>', 'only these suites, releases or branches', words)
    .addOption(
      new Option('--select <name=list>', 'only these parts; may be given several times')
        .argParser(readSelection)
        .default({}, 'all'),
    )
    .option('--country <code>', 'a source in this country, where the upstream has names by country')
    .option('--upstream <url>', 'where it comes from')
    .option('--name <name>', 'name of the mirror, without it that of the preset')
    .addOption(
      new Option('--accept <list>', 'confirm what the upstream asks to be confirmed: closed, registration ...')
        .argParser(words)
        .default([], 'nothing'),
    )
    .option('--yes', 'write without asking')
    .action(async (id: string, flags: Flags) => {
      const { select, arch, suites } = flags;
      const chosen = { ...select, ...(arch && { arch }), ...(suites && { suites }) };
      const plan = planEntry(id, { ...flags, select: chosen });
      await addFromPreset(plan, { accept: flags.accept, yes: flags.yes === true }, context);
    });
}

function readSelection(text: string, before: Record<string, string[]> | undefined): Record<string, string[]> {
  const [, name, list] = /^([a-z][a-z0-9_-]*)=(.+)$/.exec(text) ?? [];
  if (name === undefined || list === undefined)
    throw new MillpondError('invalid', `${JSON.stringify(text)} chooses nothing: write --select arch=amd64,arm64`);
  return { ...before, [name]: list.split(',').map((word) => word.trim()) };
}
