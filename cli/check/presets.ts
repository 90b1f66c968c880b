import { findPreset, type Preset } from '../../config/presets.js';
import type { Settings } from '../../config/settings.js';
import type { TreeMirror } from '../../core/mirror.js';
import { parseUpstream } from '../../core/upstream.js';
import type { CheckResult } from './check-result.js';

const DAY_S = 86_400;

/** What the upstreams that presets tell of ask for, and whether the configuration keeps to it. */
export function checkPresets({ mirrors }: Settings): CheckResult[] {
  return [...mirrors.values()].flatMap((mirror) => {
    if (mirror.preset === null) return [];
    const preset = findPreset(mirror.preset);
    const problems = [unconfirmed(mirror, preset), forbiddenSource(mirror, preset), tooOften(mirror, preset)].filter(
      (found) => found !== null,
    );
    const requirements = preset.policy.requirements.map((text) => `asked of a mirror: ${text}`);
    const kept = {
      check: mirror.name,
      ok: true,
      text: [`keeps to the preset "${preset.id}"`, ...requirements].join('\n'),
    };
    return problems.length > 0 ? problems : [{ ...kept, remedy: '' }];
  });
}

function unconfirmed(mirror: TreeMirror, { id, name, confirm, status }: Preset): CheckResult | null {
  const missing = confirm.filter((what) => !mirror.confirmed.includes(what));
  if (missing.length === 0) return null;
  return {
    check: mirror.name,
    ok: false,
    text: `${name} is ${status}, and that was not confirmed`,
    remedy: `Read "millpond presets ${id}"; if the mirror may be, write: confirmed: [${confirm.join(', ')}]`,
  };
}

function forbiddenSource(mirror: TreeMirror, { id, forbidden }: Preset): CheckResult | null {
  const hosts = mirror.upstreams.map((text) => parseUpstream(text).host.toLowerCase());
  const found = forbidden.find(({ host }) => host !== undefined && hosts.includes(host.toLowerCase()));
  if (!found) return null;
  const remedy = `Choose another "upstream:"; "millpond presets ${id}" tells which there are.`;
  return {
    check: mirror.name,
    ok: false,
    text: `${found.host ?? ''} must not be mirrored from: ${found.what}`,
    remedy,
  };
}

function tooOften({ name, schedule, pace }: TreeMirror, { policy }: Preset): CheckResult | null {
  if (policy.max_per_day === 'unknown') return null;
  // how often a schedule comes is not counted: the scheduler keeps it to the pace
  if (schedule.kind === 'cron' && (pace?.maxPerDay ?? Infinity) > policy.max_per_day)
    return {
      ...{ check: name, ok: false, remedy: `Write "max_per_day: ${policy.max_per_day}" into its "pace:".` },
      text: `has a "pace:" that lets it run more often than the ${policy.max_per_day} times a day that upstream allows`,
    };
  if (schedule.kind !== 'every') return null;
  const perDay = DAY_S / schedule.seconds;
  if (perDay <= policy.max_per_day) return null;
  const text = `runs ${Math.round(perDay * 10) / 10} times a day, and upstream allows ${policy.max_per_day}`;
  return { check: name, ok: false, text, remedy: 'Make "every:" longer.' };
}
