import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testCases, type Deviations } from '../cases.js';
import { cachingCases } from './caching.js';
import type { HttpCase, Scene } from './case.js';
import { dateConditionCases, ifRangeCases, matchCases, preconditionCases } from './conditions.js';
import { RawClient } from './raw-client.js';
import { partialCases, rangeCases } from './ranges.js';
import { dateCases, methodCases, representationCases } from './representation.js';
import { DIGITS } from './site-files.js';

/** A server of what `writeSite` writes, below `/debian/`. */
export interface RunningSite {
  readonly port: number;
  write: Scene['write'];
  /** Requests that were answered before the parser of Node saw them, of `asked` in all. */
  answeredQuickly?(asked: number): number;
  stop(): Promise<void>;
}

const HTTP_CASES: readonly HttpCase[] = [
  ...[...dateCases, ...representationCases, ...methodCases],
  ...[...matchCases, ...dateConditionCases, ...ifRangeCases, ...preconditionCases],
  ...[...rangeCases, ...partialCases, ...cachingCases],
];

/**
 * What RFC 9110 and RFC 9111 ask of a server of files, sentence by sentence, against one server. `leastQuick`: of all
 * requests, the share that must have been answered before the parser of Node saw them.
 */
export function httpContract(
  name: string,
  start: () => Promise<RunningSite>,
  options: Pick<Deviations, 'differs'> & { leastQuick?: number } = {},
): void {
  const { leastQuick = 0 } = options;
  describe(`${name} and HTTP`, () => {
    let site: RunningSite | undefined;
    let client: RawClient | undefined;
    beforeAll(async () => {
      site = await start();
      client = new RawClient(site.port, DIGITS.path);
    });
    afterAll(async () => {
      client?.close();
      await site?.stop();
    });

    testCases(HTTP_CASES, options, async ({ run }) => {
      if (!site || !client) throw new Error('the server did not start');
      try {
        await run({ client, write: site.write });
      } finally {
        client.close(); // a case that failed midway leaves the connection at no boundary
      }
    });

    if (leastQuick > 0)
      it('was asked on the road before the parser', () => {
        const asked = client?.asked ?? 0;
        expect(site?.answeredQuickly?.(asked)).toBeGreaterThan(leastQuick * asked);
      });
  });
}
