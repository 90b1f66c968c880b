/** Splits bytes into lines of UTF-8 without their ends; a line longer than `maxBytes` comes in pieces of that size. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      yield rest.toString('utf8', 0, end);
      rest = rest.subarray(end + 1);
    }
    for (; rest.length > maxBytes; rest = rest.subarray(maxBytes)) yield rest.toString('utf8', 0, maxBytes);
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
