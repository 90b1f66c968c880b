import { formatCount } from '../../core/units.js';
import { problem, type Problem } from '../errors.js';
import type { Denial } from './admission.js';

/** What a client is told of a denial: the members of `application/problem+json` (RFC 9457 section 3.2). */
export interface DenialProblem extends Problem {
  /** The setting that says so, as its path in the configuration. */
  readonly rule: string;
  readonly measured: number | string;
  readonly limit: number | string;
  /** ISO 8601; null where time alone changes nothing. */
  readonly until: string | null;
  readonly zone: string;
  readonly address: string | null;
  /** By which the operator finds it in the log. */
  readonly id: string;
  readonly contact: string | null;
}

export function denialProblem(denial: Denial, { id, contact }: { id: string; contact: string | null }): DenialProblem {
  const { status, rule, measured, limit, until, client } = denial;
  return {
    ...problem(status, sentenceOf(denial), { code: 'refused', hint: hintOf(denial, contact) }),
    ...{ rule, measured, limit, until: until === null ? null : new Date(until).toISOString() },
    ...{ zone: client.zone, address: client.address, id, contact },
  };
}

/** The facts of a denial, one a line or a row. */
export function denialFacts({ rule, measured, limit, until, zone, address, id, contact }: DenialProblem) {
  return [
    { term: 'Rule', text: rule },
    { term: 'Measured', text: shown(measured) },
    { term: 'Limit', text: shown(limit) },
    ...(until === null ? [] : [{ term: 'Until', text: `${until.slice(0, 19).replace('T', ' ')} UTC` }]),
    { term: 'You', text: `${address ?? 'no address'}, in the zone ${zone}` },
    { term: 'Id', text: id },
    ...(contact === null ? [] : [{ term: 'Contact', text: contact }]),
  ];
}

function sentenceOf({ kind, client, mirror, measured, limit }: Denial): string {
  const zone = `the zone "${client.zone}"`;
  switch (kind) {
    case 'read':
      return `The mirror "${mirror}" can be read from the zone ${limit} only, and you are in ${zone}.`;
    case 'requests':
      return `You have asked ${shown(measured)} times within a second; a client in ${zone} may ask ${shown(limit)} times.`;
    case 'connections':
      return `You have ${shown(Number(measured) - 1)} connections here, as many as a client in ${zone} may have.`;
    case 'zone-connections':
      return `All ${shown(limit)} connections that the clients in ${zone} may have together are in use.`;
  }
}

function hintOf({ kind, retryAfter }: Denial, contact: string | null): string {
  const seconds = `${retryAfter ?? 1} ${retryAfter === 1 ? 'second' : 'seconds'}`;
  const ask = contact === null ? '' : ` If that is wrong, write to ${contact}.`;
  switch (kind) {
    case 'read':
      return `Ask from a network of that zone.${ask}`;
    case 'requests':
      return `Ask again in ${seconds}, and less often. Whoever shares your address counts with you.${ask}`;
    case 'connections':
      return `Use fewer at a time, and ask again when one has ended. Whoever shares your address counts with you.${ask}`;
    case 'zone-connections':
      return `Ask again in ${seconds}.${ask}`;
  }
}

function shown(value: number | string): string {
  return typeof value === 'number' ? formatCount(value) : value;
}
