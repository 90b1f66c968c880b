import { Command } from 'commander';
import { benchSync } from './sync.js';

const program = new Command('bench').description('Measures Millpond beside its peers, in one run, as ratios.');
program
  .command('sync')
  .description('a tree of small files over a loopback daemon, beside plain rsync')
  .option('--files <n>', 'files in the tree', Number, 200_000)
  .option('--repeat <n>', 'pairs of runs of each kind', Number, 3)
  .option('--json', 'JSON lines only')
  .action(benchSync);
await program.parseAsync();
