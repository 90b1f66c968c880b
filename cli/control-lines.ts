import { MillpondError } from '../core/errors.js';
import type { ErrorLine } from '../server/control-lines.js';

/**
 * The lines of an answer up to its report.
 * @throws MillpondError what went wrong in the middle; `unavailable` when the report does not come
 */
export async function* itemsOf<Line extends { readonly type: string }>(
  lines: AsyncIterable<Line | ErrorLine>,
): AsyncGenerator<Exclude<Line, ErrorLine>> {
  for await (const line of lines) {
    if (isError(line)) throw new MillpondError(line.problem.code, line.problem.detail, { hint: line.problem.hint });
    yield line as Exclude<Line, ErrorLine>;
    if (line.type === 'end') return;
  }
  throw new MillpondError('unavailable', 'Millpond stopped in the middle of it', {
    hint: 'Nothing is lost by that: ask again when it runs.',
  });
}

function isError(line: { readonly type: string }): line is ErrorLine {
  return line.type === 'error';
}
