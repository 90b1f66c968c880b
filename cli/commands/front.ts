import { Argument, type Command } from 'commander';
import { loadSettings } from '../../config/load.js';
import { Layout } from '../../content/layout.js';
import { caddyConfig } from '../../server/front/caddy.js';
import { nginxConfig, type FrontOptions } from '../../server/front/nginx.js';
import type { Settings } from '../../config/settings.js';
import type { CliContext } from '../context.js';

const SERVERS: Readonly<Record<string, (settings: Settings, options: FrontOptions) => string>> = {
  nginx: nginxConfig,
  caddy: caddyConfig,
};

export function addFront(program: Command, context: CliContext): void {
  program
    .command('front')
    .description('print the configuration of a server that stands before Millpond and serves files from the disk')
    .addArgument(new Argument('<server>', 'which one').choices(Object.keys(SERVERS)))
    .option(
      '--listen <address...>',
      'where it listens, as it writes it: 80, "443 ssl", [::]:80; :80, mirror.example.edu',
    )
    .action(async (server: string, { listen = [] }: { listen?: string[] }) => {
      const settings = loadSettings(context.configFile());
      const publicFolder = new Layout(settings.data).publicFolder;
      await context.write(SERVERS[server]?.(settings, { publicFolder, listen }) ?? '');
    });
}
