import type { Express } from 'express';
import { z } from 'zod';
import type { Settings } from '../config/settings.js';
import { MillpondError } from '../core/errors.js';
import type { Log } from '../platform/log.js';
import type { HelpCheck } from '../store/help-checks.js';
import { bodyOf } from './control-body.js';
import { sendLines, type ControlLine } from './control-lines.js';
import type { HelpChecker } from './help/check/checker.js';
import { helpPreset } from './help/help.js';

export interface HelpControlDeps {
  readonly log: Pick<Log, 'error'>;
  settings(): Settings;
  /** Absent where nothing is tried out. */
  readonly helpChecker?: Pick<HelpChecker, 'checkAll'>;
}

/** One line of the answer to `POST /help/check`. */
export type HelpCheckLine = ControlLine<HelpCheck, { readonly checked: number; readonly failed: number }>;

const CHECK_BODY = z.strictObject({ mirror: z.string().nullable().default(null) });

/** Adds the trying out of instructions to the control socket. */
export function addHelpRoutes(app: Express, deps: HelpControlDeps): void {
  app.post('/help/check', async (req, res) => {
    const { mirror } = bodyOf(req, CHECK_BODY);
    const { helpChecker } = deps;
    if (!helpChecker) throw new MillpondError('conflict', 'nothing tries instructions out here');
    if (mirror !== null) refuseWithoutHelp(deps.settings(), mirror);
    await sendLines<HelpCheck>(deps, res, async (tell, signal) => {
      let [checked, failed] = [0, 0];
      const count = async (check: HelpCheck): Promise<void> => {
        checked++;
        if (check.result === 'failed') failed++;
        await tell(check);
      };
      await helpChecker.checkAll(mirror, count, { signal });
      return { checked, failed };
    });
  });
}

function refuseWithoutHelp({ mirrors }: Settings, name: string): void {
  const mirror = mirrors.get(name);
  if (mirror && helpPreset(mirror)) return;
  const why = mirror ? 'has no preset with instructions' : 'is not configured';
  throw new MillpondError('not-found', `the mirror ${JSON.stringify(name)} ${why}`, {
    hint: 'The page /help lists those that have some.',
  });
}
