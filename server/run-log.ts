import { Transform, type Readable } from 'node:stream';
import { openLog } from './open-log.js';
import type { Scrub } from './scrub.js';

/** Lines and bytes of a log's end that a page shows. */
const TAIL_LINES = 200;
const TAIL_BYTES = 256 * 1024;
/** A line without an end is cut here, bytes: what is held in memory stays bounded. */
const LONGEST_LINE = 64 * 1024;

export interface LogTail {
  readonly lines: readonly string[];
  /** Whether the log begins before the first of `lines`. */
  readonly cut: boolean;
}

/** The last `most` lines of a log, scrubbed; reads at most 256 KiB from its end. Null when there is no such log (any more). */
export async function readLogTail(file: string, scrub: Scrub, most = TAIL_LINES): Promise<LogTail | null> {
  const handle = await openLog(file);
  if (!handle) return null;
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    if (lines.at(-1) === '') lines.pop();
    if (from > 0) lines.shift(); // its beginning is not here
    return { lines: lines.slice(-most).map((line) => scrub(line)), cut: from > 0 || lines.length > most };
  } finally {
    await handle.close();
  }
}

/** The whole log as it is now, scrubbed line by line. Null when there is no such log (any more). */
export async function openPublicLog(file: string, scrub: Scrub): Promise<Readable | null> {
  const handle = await openLog(file);
  if (!handle) return null;
  const source = handle.createReadStream();
  const lines = scrubbedLines(scrub);
  source.on('error', (error) => lines.destroy(error));
  lines.once('close', () => source.destroy());
  return source.pipe(lines);
}

function scrubbedLines(scrub: Scrub): Transform {
  let rest = Buffer.alloc(0);
  const clean = (line: Buffer) => `${scrub(line.toString('utf8'))}\n`;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      rest = Buffer.concat([rest, chunk]);
      const out: string[] = [];
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
        out.push(clean(rest.subarray(0, end)));
        rest = rest.subarray(end + 1);
      }
      if (rest.length > LONGEST_LINE) {
        out.push(clean(rest));
        rest = Buffer.alloc(0);
      }
      done(null, out.join(''));
    },
    flush(done) {
      done(null, rest.length > 0 ? clean(rest) : '');
    },
  });
}
