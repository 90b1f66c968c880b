import type { DescribedFile } from './described-file.js';

/**
 * The file's line of `sha256sum`: the digest, two blanks, and the name's own bytes. A name with a backslash or a line
 * break is escaped, and the line then begins with a backslash (coreutils manual, "md5sum invocation").
 */
export function checksumLine({ name, hash }: Pick<DescribedFile, 'name' | 'hash'>): Buffer {
  const escaped = name.replace(/[\\\n\r]/g, (character) => ESCAPES[character] ?? character);
  const mark = escaped === name ? '' : '\\';
  return Buffer.from(`${mark}${hash.sha256.toString('hex')}  ${escaped}\n`, 'latin1');
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' };
