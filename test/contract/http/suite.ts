import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectDifference } from '../oci/difference.js';
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

export const HTTP_CASES: readonly HttpCase[] = [
  ...[...dateCases, ...representationCases, ...methodCases],
  ...[...matchCases, ...dateConditionCases, ...ifRangeCases, ...preconditionCases],
  ...[...rangeCases, ...partialCases, ...cachingCases],
];

/**
 * What RFC 9110 and RFC 9111 ask of a server of files, sentence by sentence, against one server. `differs`: cases in
 * which it is known to do otherwise, and why; such a case must fail, so that the list is never stale.
 */
export function httpContract(
  name: string,
  start: () => Promise<RunningSite>,
  options: { differs?: Readonly<Record<string, string>>; leastQuick?: number } = {},
): void {
  const { differs = {}, leastQuick = 0 } = options;
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

    it('has cases of different ids, and knows every case that is listed as different', () => {
      const ids = HTTP_CASES.map(({ id }) => id);
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
      expect(Object.keys(differs).filter((id) => !ids.includes(id))).toEqual([]);
    });

    for (const { id, title, run } of HTTP_CASES) {
      const reason = differs[id];
      it(`${id}: ${title}${reason === undefined ? '' : ` (not here: ${reason})`}`, async () => {
        if (!site || !client) throw new Error('the server did not start');
        const running = run({ client, write: site.write }).finally(() => expectNothing(client));
        if (reason === undefined) await running;
        else await expectDifference(running);
      });
    }

    if (leastQuick > 0)
      it('was asked on the road before the parser', () => {
        const asked = client?.asked ?? 0;
        expect(site?.answeredQuickly?.(asked)).toBeGreaterThan(leastQuick * asked);
      });
  });
}

/** A case that failed midway leaves the connection at no boundary. */
function expectNothing(client: RawClient | undefined): void {
  client?.close();
}
