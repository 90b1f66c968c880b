/**
 * A copy of `text` that cannot steer a terminal: control characters other than newline and tab become `\x1b` and the
 * like. File names and messages of an upstream end up in what is printed.
 */
export function printable(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}
