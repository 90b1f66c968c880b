import { expect, it } from 'vitest';
import { expectDifference, expectEither } from './difference.js';

/** What one sentence of a specification asks of a server. */
export interface Case<Scene> {
  /** Stable, and of this case alone. */
  readonly id: string;
  readonly title: string;
  run(scene: Scene): Promise<void>;
}

/** Cases in which a server is known to do otherwise, and why. */
export interface Deviations {
  /** Such a case must fail, so that the list is never stale. */
  readonly differs?: Readonly<Record<string, string>>;
  /** Cases that it passes at times and fails at others: they are run, and may do either. */
  readonly unsteady?: Readonly<Record<string, string>>;
}

export function makeCase<Scene>(id: string, title: string, run: (scene: Scene) => Promise<void>): Case<Scene> {
  return { id, title, run };
}

/** A test for each case. `run` gives it its scene. */
export function testCases<Scene>(
  cases: readonly Case<Scene>[],
  { differs = {}, unsteady = {} }: Deviations,
  run: (one: Case<Scene>) => Promise<void>,
): void {
  it('has cases of different ids, and knows every case that is listed as different', () => {
    const ids = cases.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect([...Object.keys(differs), ...Object.keys(unsteady)].filter((id) => !ids.includes(id))).toEqual([]);
  });

  for (const one of cases) {
    const { id, title } = one;
    const reason = differs[id] ?? unsteady[id];
    it(`${id}: ${title}${reason === undefined ? '' : ` (not here: ${reason})`}`, async () => {
      const running = run(one);
      if (differs[id] !== undefined) await expectDifference(running);
      else if (unsteady[id] !== undefined) await expectEither(running);
      else await running;
    });
  }
}
