/** A part of a file, both ends included, in bytes. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export type RangeRequest =
  /** No range asked for, or one that is ignored: the whole is sent. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  /** In the order they were asked for; at least one. */
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] };

/** dnf asks for up to 256 chunks of zchunk metadata at a time. */
const MAX_RANGES = 256;
const WHOLE: RangeRequest = { kind: 'whole' };

/**
 * Reads a Range field for a file of `size` bytes (RFC 9110 section 14.1.2).
 * Other units, invalid fields, more than 256 ranges, and ranges that together are more than the file are ignored
 * (section 14.2 leaves that to the server): nobody makes it send more than the file itself.
 */
export function parseRange(field: string | undefined, size: number): RangeRequest {
  const specs = field === undefined ? undefined : /^bytes=(.*)$/i.exec(field)?.[1];
  if (specs === undefined) return WHOLE;
  // empty members of a list are to be ignored (section 5.6.1.2)
  const members = specs.split(',').map((member) => member.trim());
  const asked = members.filter((member) => member !== '').map((member) => readSpec(member, size));
  if (asked.length === 0 || asked.length > MAX_RANGES) return WHOLE;

  const ranges: ByteRange[] = [];
  let total = 0;
  for (const range of asked) {
    if (range === 'invalid') return WHOLE;
    if (range === 'unsatisfiable') continue;
    ranges.push(range);
    total += range.last - range.first + 1;
  }
  if (ranges.length === 0) return { kind: 'unsatisfiable' };
  // also the suffix of an empty file, which no Content-Range can express
  return total === 0 || total > size ? WHOLE : { kind: 'ranges', ranges };
}

function readSpec(spec: string, size: number): ByteRange | 'invalid' | 'unsatisfiable' {
  const match = /^(\d*)-(\d*)$/.exec(spec);
  const [, first = '', last = ''] = match ?? [];
  if (!match || (first === '' && last === '')) return 'invalid';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return Number(last) === 0 ? 'unsatisfiable' : { first: size - length, last: size - 1 };
  }
  if (last !== '' && Number(last) < Number(first)) return 'invalid';
  if (Number(first) >= size) return 'unsatisfiable';
  return { first: Number(first), last: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

/** In bytes. */
export function lengthOf(range: ByteRange): number {
  return range.last - range.first + 1;
}
