import { moment, say } from '../sentence.js';
import { formatFiles } from '../units.js';
import type { Verdict } from './facts.js';
import { nextFetch, serving, verdict, withoutStop, type Situation } from './situation.js';

export function paused(s: Situation): Verdict | undefined {
  const { pausedAt, pauseReason } = s.state;
  if (pausedAt === null) return undefined;
  const reason = pauseReason ? `: ${withoutStop(pauseReason)}` : '';
  return verdict(s, 'paused', say`Paused by operations since ${moment(pausedAt)}${reason}. ${serving(s)}`, {
    since: pausedAt,
    next: s.activity.running
      ? say`The fetch that is running goes on; no other is started until an operator resumes the mirror.`
      : say`No fetch is started until an operator resumes the mirror.`,
    nextAt: null,
  });
}

export function held(s: Situation): Verdict | undefined {
  if (s.activity.running?.force) return undefined;
  if (s.held === undefined) return imagesHeld(s);
  if (s.held === null) return undefined;
  const { runId, heldAt, sentence } = s.held;
  const { name } = s.mirror;
  const publishes = `"millpond approve ${name} --run ${runId}" publishes it`;
  const drops = `"millpond reject ${name} --run ${runId}" drops it`;
  return verdict(s, 'held', say`${withoutStop(sentence)}; waiting for a person. ${serving(s)}`, {
    since: heldAt,
    next: say`An operator looks at /status/${name}/held and decides: ${publishes}, ${drops}. What upstream changes meanwhile takes its place.`,
  });
}

/** Of images nothing is kept that could be let through: they are fetched again, whatever goes. */
function imagesHeld(s: Situation): Verdict | undefined {
  const run = s.newest;
  if (run?.outcome !== 'held') return undefined;
  const { deletedFiles } = run.numbers;
  const share = s.live && s.live.files > 0 ? ` (${Math.round((100 * deletedFiles) / s.live.files)} % of the tree)` : '';
  const what =
    deletedFiles > 0
      ? `Upstream removed ${formatFiles(deletedFiles)}${share}`
      : withoutStop(run.message ?? 'The new tree is over a limit');
  return verdict(s, 'held', say`${what}; waiting for a person. ${serving(s)}`, {
    since: run.endedAt,
    next: say`An operator looks at it and, when it is meant, lets it through with "millpond sync ${s.mirror.name} --force".`,
  });
}

export function quarantined(s: Situation): Verdict | undefined {
  const run = s.newest;
  if (run?.outcome !== 'quarantined' || s.activity.running?.force) return undefined;
  const found = withoutStop(run.message ?? '').replace(/^The new tree failed verification(?:: |$)/, '');
  const served =
    s.mirror.publish === 'in-place' && s.live
      ? say`It is served all the same: this mirror is changed in place, and no other tree is kept.`
      : serving(s);
  return verdict(s, 'quarantined', say`The new tree failed its verification${found && `: ${found}`}. ${served}`, {
    since: run.endedAt,
    next: nextFetch(s),
  });
}
