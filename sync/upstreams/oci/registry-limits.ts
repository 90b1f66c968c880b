import type { PullGroup } from './registry-pulls.js';

/** What the registry said of its own limit. Milliseconds, and milliseconds since the epoch. */
export interface SaidLimit {
  readonly limit: number;
  readonly remaining: number;
  readonly window: number;
  readonly at: number;
}

/** All that must outlive a restart. Milliseconds since the epoch; `blockedUntil` is 0 when it never asked. */
export interface KnownLimits {
  readonly pulls: readonly PullGroup[];
  readonly said: SaidLimit | null;
  readonly blockedUntil: number;
  readonly blockedBy: 429 | 503;
}

/** Reads what was kept; what cannot be read is taken as nothing known, since the registry will say it again. */
export function parseLimits(text: string | undefined): KnownLimits {
  const { pulls, said, blockedUntil, blockedBy } = readObject(text);
  return {
    pulls: Array.isArray(pulls) ? pulls.filter(isPullGroup) : [],
    said: isSaidLimit(said) ? said : null,
    blockedUntil: typeof blockedUntil === 'number' ? blockedUntil : 0,
    blockedBy: blockedBy === 503 ? 503 : 429,
  };
}

function readObject(text: string | undefined): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text ?? '{}');
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isPullGroup(value: unknown): value is PullGroup {
  return hasNumbers(value, ['first', 'last', 'count']);
}

function isSaidLimit(value: unknown): value is SaidLimit {
  return hasNumbers(value, ['limit', 'remaining', 'window', 'at']);
}

function hasNumbers(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'number');
}
