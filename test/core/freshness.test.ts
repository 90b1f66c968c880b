import { describe, expect, test } from 'vitest';
import {
  measureFreshness,
  type FreshnessFacts,
  type NewerMarkers,
  type UpstreamReading,
} from '../../core/freshness.js';

const NOW = Date.UTC(2026, 10, 25, 12);
const MINUTE = 60_000;

function reading(value: string | null, time: number | null, fields: Partial<UpstreamReading> = {}): UpstreamReading {
  return { value, time, seenAt: NOW - MINUTE, readAt: NOW, failedSince: null, message: null, ...fields };
}

function facts(fields: Partial<FreshnessFacts>, newer: NewerMarkers | null = null): FreshnessFacts {
  const published = { markerValue: 'a', markerTime: NOW - 60 * MINUTE };
  return { now: NOW, meaning: 'content', published, readings: {}, newerThan: () => newer, ...fields };
}

const lag = (...args: Parameters<typeof facts>) => {
  const { lagSeconds, updatesBehind } = measureFreshness(facts(...args));
  return [lagSeconds, updatesBehind];
};

describe('measureFreshness', () => {
  test('knows nothing before anything was read or published', () => {
    expect(measureFreshness(facts({}))).toEqual({ direct: null, origin: null, lagSeconds: null, updatesBehind: null });
    const direct = reading('b', NOW);
    expect(lag({ readings: { direct }, published: null })).toEqual([null, null]);
    expect(lag({ readings: { direct: reading(null, null, { failedSince: NOW }) } })).toEqual([null, null]);
  });

  test('is in step with the same value, whatever its time', () => {
    expect(lag({ readings: { direct: reading('a', NOW) } })).toEqual([0, 0]);
    expect(lag({ readings: { direct: reading('a', null), origin: reading('a', null) } })).toEqual([0, 0]);
  });

  test('is not behind an upstream that is behind itself', () => {
    expect(lag({ readings: { direct: reading('z', NOW - 90 * MINUTE) } })).toEqual([0, 0]);
  });

  test('counts from the first update that is missing, and counts the updates', () => {
    const newer = { count: 3, firstTime: NOW - 30 * MINUTE, firstSeenAt: NOW - 20 * MINUTE };
    expect(lag({ readings: { direct: reading('d', NOW - MINUTE) } }, newer)).toEqual([1800, 3]);
    expect(lag({ readings: { direct: reading('d', null) } }, { ...newer, firstTime: null })).toEqual([1200, 3]);
  });

  test('counts from the newest marker where it is not known what came between', () => {
    expect(lag({ readings: { direct: reading('d', NOW - 5 * MINUTE) } })).toEqual([300, null]);
    expect(lag({ readings: { direct: reading('d', null) } })).toEqual([60, null]);
  });

  test('compares with the true upstream where the direct one is behind as well', () => {
    const readings = { direct: reading('a', NOW - 60 * MINUTE), origin: reading('b', NOW - 10 * MINUTE) };
    expect(lag({ readings })).toEqual([600, null]);
    const stale = { direct: reading('b', NOW - 10 * MINUTE), origin: reading('a', NOW - 60 * MINUTE) };
    expect(lag({ readings: stale })).toEqual([600, null]);
  });

  test('counts serials of one day by themselves', () => {
    const published = { markerValue: 'Archive serial: 2026112501', markerTime: NOW - 60 * MINUTE };
    const direct = reading('Archive serial: 2026112503', NOW - MINUTE);
    expect(lag({ readings: { direct }, published })).toEqual([60, 2]);
  });

  test('tells of no lag where the marker is none of the content, or a clock is ahead', () => {
    const direct = reading('b', NOW - MINUTE);
    expect(lag({ readings: { direct }, meaning: 'heartbeat' })).toEqual([null, null]);
    expect(lag({ readings: { direct }, meaning: 'run' })).toEqual([null, null]);
    expect(lag({ readings: { direct: reading('b', NOW + 60 * MINUTE) } })).toEqual([0, null]);
  });
});
