import { readSecret } from '../../../config/secrets.js';
import { startChild, type ChildEnd } from '../../../platform/child.js';
import { bytesMovedBy } from '../../../platform/processes.js';
import type { UpstreamRequest } from '../tree-upstream.js';
import { passwordOption } from './arguments.js';

export interface RsyncOptions {
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Milliseconds that it may take in all. */
  readonly timeoutMs?: number;
  /** Called when bytes were seen to move since the last look. */
  readonly onActivity?: () => void;
}

/**
 * Runs rsync to its end, which the request's signal, a time limit, or `mirror.stall` seconds without a byte bring
 * nearer. Why it was ended stands in `endedBecause`. rsync's own timeouts do not cover every way to hang.
 */
export async function runRsync(request: UpstreamRequest, args: string[], options: RsyncOptions): Promise<ChildEnd> {
  request.signal.throwIfAborted();
  const { mirror, upstream, signal } = request;
  const password = mirror.password && upstream.kind === 'daemon' ? readSecret(mirror.password) : null;
  const child = startChild('rsync', [...passwordOption(upstream, password), ...args], {
    env: request.env,
    ...(password === null ? {} : { input: `${password}\n` }),
    ...(options.onStdout ? { onStdout: options.onStdout } : {}),
    ...(options.onStderr ? { onStderr: options.onStderr } : {}),
  });
  const onAbort = (): void => void child.end('the run was ended');
  signal.addEventListener('abort', onAbort, { once: true });
  const limit = options.timeoutMs
    ? setTimeout(() => void child.end(`it took longer than ${Number(options.timeoutMs) / 1000} s`), options.timeoutMs)
    : undefined;
  const watch = watchBytes(child.pid, mirror.stall * 1000, {
    onActivity: () => options.onActivity?.(),
    onStall: () => void child.end(`no byte moved for ${mirror.stall} s`),
  });
  try {
    return await child.ended;
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(limit);
    clearInterval(watch);
  }
}

function watchBytes(pid: number, stallMs: number, on: { onActivity: () => void; onStall: () => void }): NodeJS.Timeout {
  let moved = -1;
  let movedAt = Date.now();
  return setInterval(
    () => {
      void bytesMovedBy(pid).then((bytes) => {
        if (bytes !== moved) {
          moved = bytes;
          movedAt = Date.now();
          on.onActivity();
        } else if (Date.now() - movedAt >= stallMs) on.onStall();
      });
    },
    Math.min(5_000, Math.max(200, stallMs / 4)),
  );
}
