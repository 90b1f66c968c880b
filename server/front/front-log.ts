import type { Logger } from 'pino';
import type { Settings } from '../../config/settings.js';
import { messageOf } from '../../core/errors.js';
import { zoneOfAddress } from '../clients/client-finder.js';
import type { Statistics } from '../statistics/statistics.js';
import { parseFrontLine } from './front-line.js';
import { LogFollower } from './log-follower.js';

export interface FrontLogParts {
  readonly settings: () => Pick<Settings, 'zones' | 'mirrors' | 'frontLog'>;
  readonly statistics: Pick<Statistics, 'recordTransfer'>;
  readonly clock: () => number;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  /** File in which is remembered how far the log was read. */
  readonly place: string;
}

/** Counts what a server before this one has served itself, by its log. */
export function followFrontLog({ settings, statistics, clock, log, place }: FrontLogParts): LogFollower {
  const zoneOf = zoneOfAddress(settings);
  let isStrangeTold = false;
  function count(line: string): void {
    const found = parseFrontLine(line, clock());
    if (found && settings().mirrors.has(found.mirror)) {
      const { address, ...transfer } = found;
      statistics.recordTransfer({ ...transfer, zone: zoneOf(address) });
    } else if (!isStrangeTold) {
      isStrangeTold = true;
      log.warn('statistics.front_log holds lines that are not counted: "millpond front" shows what they must be');
    }
  }
  const follower = new LogFollower({
    file: () => settings().frontLog,
    place,
    onLine: count,
    onTrouble: (error) => log.error(`statistics.front_log cannot be read: ${messageOf(error)}`),
  });
  follower.start();
  return follower;
}
