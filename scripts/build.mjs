// Builds `dist/` when a source is newer than it.
import { build, runScript } from './setup.mjs';

await runScript(() => build());
