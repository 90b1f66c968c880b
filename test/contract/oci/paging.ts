import { expect } from 'vitest';
import { expectStatus, jsonOf, type Answer, type ContractClient } from './client.js';

/** More pages than any case has: a list that leads back to itself ends here. */
const MOST_PAGES = 100;

/** Where the next page is (RFC 8288), or undefined. */
export function nextOf({ headers }: Answer): string | undefined {
  const field = [headers.link ?? []].flat().join(', ');
  if (field === '') return undefined;
  const [, target] = /^<([^>]+)>; *rel="?next"?$/.exec(field) ?? [];
  expect(target, `"${field}" leads to the next page`).toBeDefined();
  return target;
}

/** The list of each page under `key`, from the first to the last. */
export async function followPages(client: ContractClient, first: string, key: string): Promise<unknown[][]> {
  const pages: unknown[][] = [];
  for (let path: string | undefined = first; path !== undefined;) {
    const answer: Answer = await client.get(path);
    expectStatus(answer, 200);
    pages.push((jsonOf(answer) as Record<string, unknown[]>)[key] ?? []);
    expect(pages.length).toBeLessThan(MOST_PAGES);
    const next = nextOf(answer);
    path = next?.startsWith('http') || next?.startsWith('/') ? next : next && new URL(next, client.url + path).href;
  }
  return pages;
}
