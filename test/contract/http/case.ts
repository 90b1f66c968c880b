import { expect } from 'vitest';
import { makeCase, type Case } from '../cases.js';
import type { RawAnswer, RawClient, RawFields } from './raw-client.js';
import type { SiteFile } from './site-files.js';

/** What one case works with. */
export interface Scene {
  readonly client: RawClient;
  /** Writes a file below the mirror, or replaces one, so that it is served from now on; `time` in ms. */
  write(path: string, content: string, time: number): Promise<void>;
}

/**
 * One sentence of RFC 9110 or RFC 9111 that binds an origin server of files, or a group that says one thing. Its id is the
 * number of the RFC, the section, and a letter; its title is the sentence in other words.
 */
export type HttpCase = Case<Scene>;

export const httpCase = makeCase<Scene>;

/** Some seconds before or after, as an HTTP date; `time` in ms. */
export function dateOf(time: number, seconds = 0): string {
  return new Date(time + seconds * 1000).toUTCString();
}

/** The entity tag that a path has now. */
export async function tagOf({ client }: Scene, path: string): Promise<string> {
  const { fields } = await client.ask(path, {}, 'HEAD');
  return fields['etag'] ?? 'none';
}

/** What a GET of the file with these fields is answered with; the bytes must be those that the status and fields say. */
export async function get({ client }: Scene, file: SiteFile, fields: RawFields = {}): Promise<RawAnswer> {
  const answer = await client.ask(file.path, fields);
  if (answer.status === 200) expect(answer.body.equals(file.content)).toBe(true);
  if (answer.status === 206 && answer.fields['content-range'] !== undefined) expectPart(answer, file);
  return answer;
}

export async function expectStatus(scene: Scene, file: SiteFile, fields: RawFields, status: number): Promise<void> {
  const answer = await get(scene, file, fields);
  expect([JSON.stringify(fields), answer.status]).toEqual([JSON.stringify(fields), status]);
}

/** RFC 9110 section 14.4: the bytes are those that Content-Range names. */
function expectPart(answer: RawAnswer, { content }: SiteFile): void {
  const field = answer.fields['content-range'] ?? '';
  const [, first, last, size] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(field) ?? []).map(Number);
  if (first === undefined || last === undefined) expect.fail(`Content-Range is ${field}`);
  expect([size, first <= last, last < content.length]).toEqual([content.length, true, true]);
  expect(answer.body.equals(content.subarray(first, last + 1))).toBe(true);
}
