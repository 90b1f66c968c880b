import { execFileSync } from 'node:child_process';
import { PACKAGE_ROOT } from '../platform/package-root.js';

/** System tests start the real program: it is built once, before any of them. */
export function setup(): void {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    cwd: PACKAGE_ROOT,
    stdio: 'inherit',
  });
}
