import type { HelpBlock } from '../../config/preset-help-schema.js';

/** Where a mirror is, as its clients reach it. */
export interface HelpPlace {
  /** `https://mirror.example.edu`, without a slash at its end. */
  readonly origin: string;
  readonly mirror: string;
  /** `rsync://mirror.example.edu`, without a slash at its end; null where nothing is served over rsync. */
  readonly rsync: string | null;
}

/** Texts in place of the inputs of a block, by name. */
export type Filling = Readonly<Record<string, string>>;

/** The address of the mirror, without a slash at its end. */
export function endpointOf({ origin, mirror }: Pick<HelpPlace, 'origin' | 'mirror'>): string {
  return `${origin}/${mirror}`;
}

/** A text of a block with all its variables in place; a name that is not known stays as it is. */
export function fillIn(text: string, place: HelpPlace, filling: Filling): string {
  const known: Readonly<Record<string, string>> = {
    ...filling,
    endpoint: endpointOf(place),
    ...(place.rsync !== null && { rsync: `${place.rsync}/${place.mirror}` }),
  };
  return text.replace(/\{\{([a-z_]+)\}\}/g, (whole, name: string) => known[name] ?? whole);
}

/** What stands in a text for a value of an input: the value itself, or the text of a switch. */
export function textOf(input: HelpBlock['inputs'][string], value: string): string {
  if (!input.switch) return value;
  return value === 'on' ? input.switch.on : input.switch.off;
}
