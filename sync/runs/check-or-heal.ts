import { rm, stat, writeFile } from 'node:fs/promises';
import { ALARMING_QUARANTINES, quarantinesInARow } from '../../core/run.js';
import type { Upstream } from '../../core/upstream.js';
import { checkTree, type TreeCheck } from './check-tree.js';
import type { Staging } from './prepare.js';
import { pullAgain, pullPasses, type Pulled } from './pull-passes.js';
import type { TreeRunContext } from './run-context.js';

const RUNS_LOOKED_AT = 50;

/**
 * Verifies the staging slot. Where something is wrong that may be right a moment later, everything is pulled once more
 * (upstream may have been in the middle of an update), then the named files whatever their size and time say (their
 * bytes may have gone bad), and it is verified again. What is still wrong then is fetched so by the next run as well.
 * @throws RunFailure
 */
export async function checkOrHeal(
  context: TreeRunContext,
  upstream: Upstream,
  staging: Staging,
  pulled: Pulled,
): Promise<{ check: TreeCheck; pulled: Pulled }> {
  const { layout, mirror, tell, log } = context;
  const suspects = layout.suspects(mirror.name);
  if (await isThere(suspects)) await fetchAgain(context, upstream, staging);
  tell.phase('verify');
  let check = await checkTree(context, staging);
  let last = pulled;
  if (check.fetchAgain.length > 0) {
    log.write('Upstream may have been changing, or files may be damaged: everything is pulled once more.');
    tell.phase('pull');
    const { changesFrom } = pulled;
    last = { ...(await pullPasses(context, upstream, staging, pulled.marker)), changesFrom };
    await writeSuspects(suspects, check);
    await fetchAgain(context, upstream, staging);
    tell.phase('verify');
    check = await checkTree(context, staging);
  }
  if (check.fetchAgain.length > 0) await writeSuspects(suspects, check);
  else await rm(suspects, { force: true });
  return { check, pulled: last };
}

/** Why the tree is not published, as the message of the run. */
export function quarantineMessage({ store, mirror }: TreeRunContext, fault: string): string {
  const count = 1 + quarantinesInARow(store.runs.ended(mirror.name, RUNS_LOOKED_AT));
  const often = count < ALARMING_QUARANTINES ? '' : ` Run ${count} in a row that ends so: somebody has to look at it.`;
  return `The new tree failed verification: ${fault}.${often}`;
}

async function fetchAgain(context: TreeRunContext, upstream: Upstream, staging: Staging): Promise<void> {
  context.tell.phase('pull');
  context.log.write('Files that failed verification are fetched again.');
  await pullAgain(context, upstream, staging, context.layout.suspects(context.mirror.name));
}

/** In the form of rsync's --files-from with --from0. */
async function writeSuspects(file: string, { fetchAgain }: TreeCheck): Promise<void> {
  await writeFile(file, Buffer.from(fetchAgain.map((path) => `${path}\0`).join(''), 'latin1'));
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
