import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Command, CommanderError } from 'commander';
import { MillpondError } from '../core/errors.js';
import { packageVersion } from '../platform/package-root.js';
import { addAdd } from './commands/add.js';
import { addApprove } from './commands/approve.js';
import { addCancel } from './commands/cancel.js';
import { addCheck } from './commands/check.js';
import { addFront } from './commands/front.js';
import { addHelpCheck } from './commands/help-check.js';
import { addImages } from './commands/images.js';
import { addInit } from './commands/init.js';
import { addLogs } from './commands/logs.js';
import { addPause } from './commands/pause.js';
import { addPresets } from './commands/presets.js';
import { addQuickstart } from './commands/quickstart.js';
import { addReject } from './commands/reject.js';
import { addReload } from './commands/reload.js';
import { addRestartWorkers } from './commands/restart-workers.js';
import { addResume } from './commands/resume.js';
import { addRollback } from './commands/rollback.js';
import { addSchema } from './commands/schema.js';
import { addServe } from './commands/serve.js';
import { addStatus } from './commands/status.js';
import { addSync } from './commands/sync.js';
import { addToken } from './commands/token.js';
import { CliContext, type CliIo } from './context.js';
import { printable } from './printable.js';

/** In the order in which the help lists them. */
const COMMANDS = [
  ...[addServe, addQuickstart, addInit, addPresets, addAdd, addCheck, addSchema, addStatus, addSync, addCancel],
  ...[addApprove, addReject, addPause, addResume, addLogs, addRollback, addReload, addRestartWorkers],
  ...[addHelpCheck, addImages, addToken, addFront],
] as const;

const USAGE_EXIT = 2;

/** The command line as commander sees it; nothing is printed, read or changed before it is parsed. */
export function buildProgram(io: CliIo = ownProcess()): Command {
  return assemble(io).program;
}

/** Runs one command line (without node and script) to its end and returns the exit code; errors are printed. */
export async function runCli(args: readonly string[], io: CliIo = ownProcess()): Promise<number> {
  const { program, context } = assemble(io);
  try {
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT;
    printError(error, context);
    return 1;
  }
}

function assemble(io: CliIo): { program: Command; context: CliContext } {
  const program = new Command('millpond')
    .description('Keeps a mirror of open-source software: syncs, verifies, publishes whole trees and serves them.')
    .version(packageVersion(), '--version', 'print the version')
    .option(
      '-c, --config <file>',
      'the configuration (else MILLPOND_CONFIG, millpond.yaml, /etc/millpond/millpond.yaml)',
    )
    .option('--json', 'print JSON, one object a line')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .exitOverride();
  const context = new CliContext(io, () => program.opts());
  for (const add of COMMANDS) add(program, context);
  return { program, context };
}

function printError(error: unknown, { io, json }: CliContext): void {
  const known = error instanceof MillpondError ? error : new MillpondError('internal', internalMessage(error));
  const { code, message, hint } = known;
  if (json) io.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  else io.stderr.write(printable(`error: ${message}\n${hint ? `${hint}\n` : ''}`));
  if (io.env['MILLPOND_DEBUG'] === '1' && error instanceof Error) io.stderr.write(`${error.stack ?? ''}\n`);
}

function internalMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `a fault of Millpond itself: ${text} (MILLPOND_DEBUG=1 shows where)`;
}

function ownProcess(): CliIo {
  const { stdout, stderr, env } = process;
  const ask = process.stdin.isTTY && stderr.isTTY ? askOnTerminal : null;
  return { stdout, stderr, isTTY: stdout.isTTY, cwd: process.cwd(), env, ask };
}

/** The answer to a question on a terminal; none at its end (Ctrl-D, Ctrl-C). */
async function askOnTerminal(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const closed = once(lines, 'close').then(() => '');
  try {
    return await Promise.race([lines.question(question).catch(() => ''), closed]);
  } finally {
    lines.close();
  }
}
