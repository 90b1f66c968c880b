import { keyringFile, keyringRemedy, missingKeyrings } from '../../config/keyrings.js';
import { readChanges } from '../../content/change-list.js';
import { VERIFIERS } from '../../content/verify/kinds.js';
import type { Finding, Verified, VerifyRequest } from '../../content/verify/verifier.js';
import { messageOf } from '../../core/errors.js';
import { displayName } from '../../core/tree-path.js';
import type { VerifierKind } from '../../core/verify.js';
import type { Staging } from './prepare.js';
import type { TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import { childMark } from './upstream-request.js';

const FINDINGS_IN_SENTENCE = 3;

/** What was found in a staging slot. */
export interface TreeCheck {
  /** What is wrong, as a list without a full stop at its end; null when nothing was found. */
  readonly fault: string | null;
  /** Because of it, the tree must not be published. */
  readonly blocks: boolean;
  /** Files (bytes in latin1) that may be right when they are fetched again. */
  readonly fetchAgain: readonly string[];
  /** For the record of the generation that it becomes. */
  readonly sentence: string;
  /** To be called once it is published as that generation; without it the next verification looks at everything. */
  readonly accept: (generation: number) => Promise<void>;
}

/** @throws RunFailure local when a keyring is missing without which nothing could be published */
export function requireKeyrings({ mirror, log }: TreeRunContext): void {
  for (const keyring of missingKeyrings(mirror)) {
    const message = `The keyring "${keyring.name}" is not there. ${keyringRemedy(keyring)}`;
    if (mirror.verify.mode === 'enforce') throw new RunFailure('local', message);
    log.write(message);
  }
}

/** Looks at the staging slot as a tree, and then as what the mirror says that it is. */
export async function checkTree(context: TreeRunContext, staging: Staging): Promise<TreeCheck> {
  const { kinds, mode } = context.mirror.verify;
  const tree = await verifyAs(context, staging, 'tree');
  if (tree.findings.length > 0) return faulty(tree.findings, { blocks: true });
  const wanted = mode === 'off' ? [] : kinds;
  const results: Verified[] = [];
  for (const kind of wanted) results.push(await verifyAs(context, staging, kind));
  const findings = results.flatMap((result) => result.findings);
  if (findings.length > 0) return faulty(findings, { blocks: mode === 'enforce' });
  return {
    ...{ fault: null, blocks: false, fetchAgain: [] },
    sentence: `Verified before it was published: ${['tree', ...wanted].join(', ')}.`,
    accept: async (generation) => {
      for (const result of results) await result.accept(generation);
    },
  };
}

/** Keeps what was verified; without that, the next verification costs more and nothing else. */
export async function keepWhatWasVerified(
  { log }: TreeRunContext,
  check: TreeCheck,
  generation: number,
): Promise<void> {
  await check.accept(generation).catch((error: unknown) => {
    log.write(`What was verified is not kept, and all is verified in the next run: ${messageOf(error)}`);
  });
}

async function verifyAs(context: TreeRunContext, staging: Staging, kind: VerifierKind) {
  const { mirror, layout, log, clock } = context;
  const started = clock();
  const records = layout.verified(mirror.name, kind);
  const verified = await VERIFIERS[kind]({ ...requestOf(context, staging), records });
  for (const { path, problem } of verified.findings)
    log.write(`Verification (${kind}): ${JSON.stringify(displayName(path))} ${problem}`);
  if (verified.findings.length === 0 && kind !== 'tree') log.write(`Verified as ${kind} in ${clock() - started} ms.`);
  return verified;
}

function requestOf(context: TreeRunContext, { root, live, state, changes }: Staging): Omit<VerifyRequest, 'records'> {
  const { mirror, layout, run, clock, signal } = context;
  const { keyrings, hashes } = mirror.verify;
  return {
    root,
    published: live && mirror.publish === 'slots' ? layout.slot(mirror.name, live.slot) : null,
    // a killed run may have left something that its list does not name
    changes: state === 'uncertain' ? null : () => readChanges(changes),
    base: live?.id ?? null,
    selection: JSON.stringify([mirror.exclude, mirror.selection, mirror.protect, mirror.stages]),
    keyrings: keyrings.flatMap((keyring) => keyringFile(keyring) ?? []),
    ...{ hashes, clock, signal },
    seed: `${mirror.name} ${run.id}`,
    env: childMark(context),
  };
}

function faulty(findings: readonly Finding[], { blocks }: { blocks: boolean }): TreeCheck {
  const named = findings
    .slice(0, FINDINGS_IN_SENTENCE)
    .map(({ path, problem }) => (path === '' ? problem : `${JSON.stringify(displayName(path))} ${problem}`));
  const more = findings.length > named.length ? ` and ${findings.length - named.length} more` : '';
  const fault = `${named.join('; ')}${more}`;
  return {
    ...{ fault, blocks },
    fetchAgain: [...new Set(findings.flatMap((finding) => finding.fetchAgain))],
    sentence: `Published although its verification failed: ${fault}.`,
    accept: () => Promise.resolve(),
  };
}
