import { readChanges } from '../../content/change-list.js';
import { PARTIAL_FOLDER } from '../../content/partial-files.js';
import { VERIFIERS } from '../../content/verify/kinds.js';
import type { Staging } from './prepare.js';
import type { TreeRunContext } from './run-context.js';

const FINDINGS_IN_SENTENCE = 3;

/** Verifies the staging slot; a sentence when it must not be published, else null. */
export async function quarantinedBecause(context: TreeRunContext, staging: Staging): Promise<string | null> {
  const { log, signal } = context;
  const findings = await VERIFIERS.tree({
    root: staging.root,
    // a killed run may have left something that its list does not name
    changed: staging.state === 'uncertain' ? null : changedPaths(staging.changes),
    signal,
  });
  for (const { path, problem } of findings) log.write(`Verification: ${JSON.stringify(path)} ${problem}`);
  if (findings.length === 0) return null;
  const named = findings
    .slice(0, FINDINGS_IN_SENTENCE)
    .map(({ path, problem }) => (path === '' ? problem : `${JSON.stringify(path)} ${problem}`));
  const more = findings.length > named.length ? ` and ${findings.length - named.length} more` : '';
  return `The new tree failed verification: ${named.join('; ')}${more}.`;
}

/** Files and folders that rsync has itemised are what it says, with the modes of its --chmod; links may lead anywhere. */
async function* changedPaths(list: string): AsyncGenerator<string> {
  for await (const { kind, path } of readChanges(list))
    if (kind === 'link' || kind === 'other' || path.includes(PARTIAL_FOLDER)) yield path;
}
