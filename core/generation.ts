/** One of the two complete trees of a mirror. */
export type SlotName = 'a' | 'b';

/**
 * `publishing`: recorded, the switch is about to happen. `live`: served. `previous`: whole, no longer live.
 * `recycled`: its slot has been, or is being, overwritten.
 */
export type GenerationState = 'publishing' | 'live' | 'previous' | 'recycled';

/**
 * What is in a staging slot. `fresh`: what its base has, so that an empty list of changes means that nothing changed.
 * `continued`: an earlier run put something into it. `uncertain`: that run was killed, and the list may lack its last
 * entries.
 */
export type StagingState = 'fresh' | 'continued' | 'uncertain';

/** One published state of a mirror. Times are milliseconds since the epoch, UTC; sizes are bytes. */
export interface Generation {
  readonly id: number;
  readonly mirror: string;
  /** The run that made it; null when it was adopted from the disk. */
  readonly runId: number | null;
  readonly slot: SlotName;
  readonly state: GenerationState;
  readonly files: number;
  readonly bytes: number;
  readonly markerValue: string | null;
  readonly markerTime: number | null;
  /** What was looked at before it was published, and what was found: one sentence; null where that is not known. */
  readonly verification: string | null;
  readonly publishedAt: number;
  /** The last time it was seen to be equal to its upstream. */
  readonly confirmedAt: number;
}

export function otherSlot(slot: SlotName): SlotName {
  return slot === 'a' ? 'b' : 'a';
}

/**
 * What the slot of the generation that was live is, once the other one, `to`, is served again; `before` is what was
 * recorded of that other slot. One list tells how the two differ. After a publish it is that of the slot that was live:
 * a run can go on with that. After a return it is that of the slot which is served again now, as `before` says, and the
 * slot that was live must be made equal to it first.
 */
export function stagingAfterReturn(
  before: { readonly base: number } | null,
  { from, to }: { from: Pick<Generation, 'id'>; to: Pick<Generation, 'id'> },
  state: StagingState,
): { base: number; state: StagingState } | null {
  return before?.base === from.id ? null : { base: to.id, state };
}
