import { keyringRemedy, missingKeyrings } from '../config/keyrings.js';
import type { Settings } from '../config/settings.js';
import type { Log } from '../platform/log.js';

/** Warns of keyrings that are not there: the program serves all the same, and runs of these mirrors fail. */
export function tellMissingKeyrings({ mirrors }: Pick<Settings, 'mirrors'>, log: Pick<Log, 'warn'>): void {
  for (const mirror of mirrors.values())
    for (const keyring of missingKeyrings(mirror))
      log.warn({ mirror: mirror.name }, `the keyring "${keyring.name}" is not there. ${keyringRemedy(keyring)}`);
}
