/** Below so many deletions a tree is never held: small trees change wholly and harmlessly. */
const FEWEST_DELETIONS = 20;

/**
 * Why a generation is held back for a person, as a sentence, or null when it may be published.
 * `maxDelete` is a share (0 to 1) of the published files.
 */
export function heldBecause(change: {
  publishedFiles: number;
  deletedFiles: number;
  maxDelete: number;
}): string | null {
  const { publishedFiles, deletedFiles, maxDelete } = change;
  if (publishedFiles === 0 || deletedFiles < FEWEST_DELETIONS) return null;
  const share = deletedFiles / publishedFiles;
  if (share <= maxDelete) return null;
  const percent = (value: number): string => `${Math.round(value * 1000) / 10} %`;
  return (
    `Upstream removed ${deletedFiles} of ${publishedFiles} files (${percent(share)}), more than the ` +
    `${percent(maxDelete)} that are allowed without a person.`
  );
}
