import { readChanges } from '../../content/change-list.js';
import { VERIFIERS } from '../../content/verify/kinds.js';
import { heldBecause } from '../../core/guard.js';
import { countChanges } from './count-changes.js';
import type { Staging } from './prepare.js';
import type { RunContext } from './run-context.js';

const FINDINGS_IN_SENTENCE = 3;

/** Verifies the staging slot; a sentence when it must not be published, else null. */
export async function quarantinedBecause(context: RunContext, staging: Staging): Promise<string | null> {
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

/** Asks the guard about all that differs from the live tree; a sentence when a person must decide, else null. */
export async function heldForAPerson(context: RunContext, staging: Staging): Promise<string | null> {
  const { mirror, layout, run } = context;
  if (!staging.live || mirror.publish === 'in-place') return null;
  const { deletedFiles } = await countChanges(layout, mirror.name, staging, 0);
  const reason = heldBecause({ publishedFiles: staging.live.files, deletedFiles, maxDelete: mirror.maxDelete });
  if (reason && run.force) context.log.write(`Forced: ${reason}`);
  return run.force ? null : reason;
}

async function* changedPaths(list: string): AsyncGenerator<string> {
  for await (const change of readChanges(list)) if (change.kind !== 'deleted' && change.path !== '.') yield change.path;
}
