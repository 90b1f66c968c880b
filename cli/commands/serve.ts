import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { runUntilSignal } from '../lifecycle.js';

export function addServe(program: Command, context: CliContext): void {
  program
    .command('serve')
    .description(
      'run Millpond until SIGTERM or Ctrl-C; SIGHUP reloads the configuration, SIGUSR1 opens the access log again',
    )
    .action(async () => {
      const configFile = context.configFile();
      // loaded here, since the other commands are quicker without it
      const { startApp } = await import('../app.js');
      await runUntilSignal(context, async () => {
        const app = await startApp({ configFile });
        const { addresses } = app;
        await context.print({ addresses }, () => `Millpond serves ${addresses.join(' and ')}`);
        return app;
      });
    });
}
