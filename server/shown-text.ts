/** Characters that change how the rest of a line reads, and those that cannot be seen: directions, joiners, controls. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]+/gu;

/**
 * Text that came from others, as it may stand on a page: one line, without what cannot be seen, at most `most`
 * characters. It is not escaped; templates do that.
 */
export function shownText(text: string, most: number): string {
  // cut before it is looked through: nothing costs more than what is shown
  const begin = text
    .slice(0, most * 2)
    .replace(UNSEEN, ' ')
    .trim();
  const characters = [...begin];
  return characters.length > most || text.length > most * 2 ? `${characters.slice(0, most).join('')}…` : begin;
}
