import { Command, Option } from 'commander';
import { benchImages, IMAGES_PARTS } from './images.js';
import { benchServe, SERVE_ROWS } from './serve.js';
import { benchSoak } from './soak.js';
import { benchStatus } from './status.js';
import { benchSync } from './sync.js';
import { benchVerify } from './verify.js';

const program = new Command('bench').description('Measures Millpond beside its peers, in one run, as ratios.');
program
  .command('sync')
  .description('a tree of small files over a loopback daemon, beside plain rsync')
  .option('--files <n>', 'files in the tree', Number, 200_000)
  .option('--repeat <n>', 'pairs of runs of each kind', Number, 3)
  .option('--json', 'JSON lines only')
  .action(benchSync);
program
  .command('images')
  .description('images from a registry, and to clients, beside skopeo and docker-registry')
  .addOption(new Option('--only <part>', 'one part alone').choices(IMAGES_PARTS))
  .option('--repeat <n>', 'pairs of runs of each kind', Number, 5)
  .option('--json', 'JSON lines only')
  .action(benchImages);
program
  .command('serve')
  .description('files and listings to clients, beside nginx and express.static')
  .addOption(new Option('--only <rows...>', 'these rows alone').choices(SERVE_ROWS))
  .option('--repeat <n>', 'pairs of runs of each row', Number, 5)
  .option('--seconds <n>', 'length of each run of wrk', Number, 4)
  .option('--quick', 'smaller files, one short run of each')
  .option('--json', 'JSON lines only')
  .action(benchServe);
program
  .command('status')
  .description('/status and its twins for programs, with many mirrors and a long history')
  .option('--mirrors <n>', 'mirrors', Number, 500)
  .option('--runs <n>', 'runs in the database', Number, 1_000_000)
  .option('--repeat <n>', 'requests of each kind', Number, 50)
  .option('--json', 'JSON lines only')
  .action(benchStatus);
program
  .command('soak')
  .description('publishes every second while clients of many kinds ask: what is answered, and what is held in the end')
  .option('--seconds <n>', 'length on each of the two roads', Number, 300)
  .option('--json', 'JSON lines only')
  .action(benchSoak);
program
  .command('verify')
  .description('an apt archive verified as a whole and after a change: time and memory')
  .option('--packages <n>', 'packages of the archive', Number, 60_000)
  .option('--changed <n>', 'packages that are new after the change', Number, 100)
  .option('--repeat <n>', 'rounds', Number, 3)
  .option('--json', 'JSON lines only')
  .action(benchVerify);
await program.parseAsync();
