import { execFileSync } from 'node:child_process';
import { PACKAGE_ROOT } from '../platform/package-root.js';

/** System tests start the real program: it is built once, with its addon, before any of them. */
export async function setup(): Promise<void> {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    cwd: PACKAGE_ROOT,
    stdio: 'inherit',
  });
  const native = (await import(new URL('../scripts/native.mjs', import.meta.url).href)) as {
    buildNative(root: string): string | null;
  };
  const problem = native.buildNative(PACKAGE_ROOT);
  if (problem !== null) throw new Error(`the sendfile addon was not built: ${problem}`);
}
