#!/usr/bin/env node
import { runCli } from './program.js';

// `millpond logs | head`: the reader has all that it wanted
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runCli(process.argv.slice(2));
