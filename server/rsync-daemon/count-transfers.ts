import type { Settings } from '../../config/settings.js';
import { zoneOfAddress } from '../clients/client-finder.js';
import type { Statistics } from '../statistics/statistics.js';
import type { RsyncTransfer } from './transfer-log.js';

/** Counts what is sent over rsync as what is sent over HTTP is counted. */
export function countTransfers(parts: {
  readonly statistics: Pick<Statistics, 'recordTransfer'>;
  readonly settings: () => Pick<Settings, 'zones'>;
  readonly clock: () => number;
}): (transfer: RsyncTransfer) => void {
  const zoneOf = zoneOfAddress(parts.settings);
  return ({ mirror, address, bytes, path }) => {
    parts.statistics.recordTransfer({
      ...{ mirror, bytes, path, at: parts.clock() },
      zone: zoneOf(address),
      family: address.includes(':') ? 'v6' : 'v4',
      protocol: 'rsync',
      status: 200,
    });
  };
}
