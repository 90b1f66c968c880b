import { stat } from 'node:fs/promises';
import { displayName } from '../../../core/tree-path.js';
import { bytePath } from '../../byte-path.js';
import { changedPaths } from '../changed-paths.js';
import { foldersAbove } from '../named-path.js';
import { readInForce, type IndexEntry } from '../in-force.js';
import { checkReferences, type Index } from '../references.js';
import { MAX_FINDINGS, withoutRecords, type Finding, type Verified, type VerifyRequest } from '../verifier.js';
import { allSuites, suitesAround } from './find-suites.js';
import { FORMS, verifySuite } from './verify-suite.js';

/**
 * An archive of Debian packages, or several in one tree: each suite is signed by a key of the keyrings and not over its
 * time, each of its indexes that is in the tree is the one that is signed, and each file that those name is there.
 * Suites in which nothing has changed are as they were.
 */
export async function verify(request: VerifyRequest): Promise<Verified> {
  const { root, signal, records, base, selection } = request;
  const changed = await changedPaths(request.changes, root);
  const known = await readInForce(records, base);
  const before = changed && known;
  const looked = before && changed;
  const suites = looked ? await suitesAround(root, looked) : await allSuites(root, signal);
  const touched = looked && foldersAbove(looked);
  const kept = before ? before.entries.filter(({ part }) => !touched?.has(part)) : [];
  const findings: Finding[] = [];
  const indexes: Index[] = [];
  const context = { request, changed: looked, sameSelection: known?.selection === selection };
  let passesLinks = false;
  for (const suite of suites) {
    const found = await verifySuite(context, suite);
    findings.push(...found.findings);
    indexes.push(...found.indexes);
    passesLinks ||= found.passesLinks;
  }
  const dropped = known?.entries.filter(({ part }) => (touched?.has(part) ?? true) && !suites.includes(part)) ?? [];
  findings.push(...(await leftBehind(root, dropped)));
  if (suites.length === 0 && kept.length === 0 && findings.length === 0)
    findings.push({ path: '', problem: 'the tree holds no suite of an apt archive', fetchAgain: [] });
  if (findings.length > 0) return withoutRecords(findings.slice(0, MAX_FINDINGS));
  return checkReferences(request, { before, changed: looked, kept, indexes, passesLinks });
}

/** A suite that goes takes its indexes with it: without a Release file nobody can trust them. */
async function leftBehind(root: string, dropped: readonly IndexEntry[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { part, path } of dropped)
    for (const form of FORMS) {
      const there = await stat(bytePath(root, path + form)).catch(() => null);
      if (!there) continue;
      const problem = `is there, but no Release file of its suite "${displayName(part)}"`;
      findings.push({ path: path + form, problem, fetchAgain: [] });
    }
  return findings;
}
