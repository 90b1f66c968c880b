import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { BLOCK, type FileHash } from '../core/file-hash.js';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { DONE_BLOCKS, GO_ON, HURRY, STOP, WISH, type HashAnswer, type HashTask } from './hash-task.js';

/** How a file is being hashed. */
export interface Hashing {
  readonly hash: Promise<FileHash>;
  /** Bytes so far. */
  done(): number;
  /** From now on as fast as it can. */
  hurry(): void;
  /** `hash` is rejected soon. */
  stop(): void;
}

/** Threads are made of compiled code: Node itself runs no TypeScript. */
const WORKER_FILE = join(PACKAGE_ROOT, 'dist', 'content', 'hash-worker.js');
/** A thread takes some megabytes, and starting one some tens of milliseconds. */
const IDLE_MS = 30_000;

/** One thread that hashes one file at a time. It is started when it is needed, and ends when it is idle for long. */
export class HashThread {
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | undefined;

  /** Reads the open file of `size` bytes; the caller closes it afterwards. Only one at a time. */
  hash(fd: number, size: number, pace: HashTask['pace']): Hashing {
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const wish = (value: number): void => {
      Atomics.compareExchange(shared, WISH, GO_ON, value);
      if (value === STOP) Atomics.store(shared, WISH, STOP);
      Atomics.notify(shared, WISH);
    };
    return {
      hash: this.#run({ fd, size, shared, pace }),
      done: () => Math.min(size, Atomics.load(shared, DONE_BLOCKS) * BLOCK),
      hurry: () => wish(HURRY),
      stop: () => wish(STOP),
    };
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  async #run(task: HashTask): Promise<FileHash> {
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#start());
    try {
      const answer = await answerOf(worker, task);
      if ('hash' in answer) return withBuffers(answer.hash);
      throw Object.assign(new Error(answer.failure), answer.code === undefined ? {} : { code: answer.code });
    } finally {
      if (this.#worker === worker) this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
    }
  }

  #start(): Worker {
    const worker = new Worker(WORKER_FILE);
    const forget = (): void => {
      if (this.#worker === worker) this.#worker = null;
    };
    worker.on('error', forget).on('exit', forget).unref();
    return worker;
  }
}

function answerOf(worker: Worker, task: HashTask): Promise<HashAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      act();
    };
    const onMessage = (answer: HashAnswer): void => settle(() => resolve(answer));
    const onError = (error: Error): void => settle(() => reject(error));
    const onExit = (): void => settle(() => reject(new Error('the thread that computes hashes has ended')));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(task);
  });
}

/** A Buffer that crosses threads becomes a Uint8Array. */
function withBuffers(hash: FileHash): FileHash {
  const buffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, length);
  return {
    ...hash,
    sha256: buffer(hash.sha256),
    sha1Pieces: buffer(hash.sha1Pieces),
    sha256Pieces: buffer(hash.sha256Pieces),
    pieceLayer: buffer(hash.pieceLayer),
    piecesRoot: buffer(hash.piecesRoot),
  };
}
