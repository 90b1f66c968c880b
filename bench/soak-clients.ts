import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { SoakTree } from './soak-tree.js';

/** What clients have seen. */
export class SoakTally {
  /** Answers by what was asked and their status. */
  readonly answers = new Map<string, number>();
  /** What must not be, a sentence each. */
  readonly wrong: string[] = [];

  count(what: string): void {
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
  }
}

/** What a client works with, until the signal. */
export interface SoakScene {
  /** Of the mirror, with a slash at its end. */
  readonly url: string;
  readonly tree: SoakTree;
  readonly tally: SoakTally;
  readonly signal: AbortSignal;
  /** The newest generation that is certainly served. */
  published(): number;
}

type Headers = Readonly<Record<string, string>>;
type Client = (scene: SoakScene, agent: Agent) => Promise<void>;

interface Answer {
  readonly status: number;
  readonly etag: string;
  readonly body: Buffer;
}

const SLOW_STEP_MS = 10;
/** Fields that keep a request from being a plain one, so that each road is asked. */
const NOT_PLAIN: Headers = { TE: 'trailers' };

/** Kinds of clients, and how many there are of each. */
const KINDS: readonly (readonly [count: number, client: Client])[] = [
  [3, getWhole],
  [2, askAgain],
  [2, getInRanges],
  [2, leaveMidway],
  [2, readSlowly],
  [1, list],
];

/** All of them, each on a connection that it keeps; resolves when the last has ended after the signal. */
export async function runClients(scene: SoakScene): Promise<void> {
  const running = KINDS.flatMap(([count, client]) =>
    Array.from({ length: count }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        while (!scene.signal.aborted) await client(scene, agent);
      } catch (error) {
        scene.tally.wrong.push(`${client.name}: ${String(error)}`);
      } finally {
        agent.destroy();
      }
    }),
  );
  await Promise.all(running);
}

async function getWhole(scene: SoakScene, agent: Agent): Promise<void> {
  const { tree } = scene;
  const path = Math.random() < 0.05 ? tree.passingPath : pick(tree.paths);
  await getChecked(scene, agent, path, Math.random() < 0.5 ? {} : NOT_PLAIN);
}

/** As a client that has a copy: 304 says that the copy is still of a generation that is served. */
async function askAgain(scene: SoakScene, agent: Agent): Promise<void> {
  const path = pick(scene.tree.paths);
  const first = await getChecked(scene, agent, path, {});
  if (!first || scene.signal.aborted) return;
  await delay(Math.random() * 1_000);
  const least = scene.published();
  const again = await get(scene, agent, path, { 'If-None-Match': first.etag });
  scene.tally.count(`again ${again.status}`);
  if (again.status === 304) checkGeneration(scene, path, first.body, least);
  else checkWhole(scene, path, again, least);
}

/** The first bytes, then the rest if it is the same still: put together they are one file, or the whole comes. */
async function getInRanges(scene: SoakScene, agent: Agent): Promise<void> {
  const path = pick(scene.tree.paths);
  const least = scene.published();
  const first = await get(scene, agent, path, { Range: 'bytes=0-199' });
  scene.tally.count(`range ${first.status}`);
  if (first.status !== 206) return wrong(scene, path, `the first bytes were answered ${first.status}`);
  await delay(Math.random() * 300);
  const rest = await get(scene, agent, path, { Range: 'bytes=200-', 'If-Range': first.etag });
  scene.tally.count(`the rest ${rest.status}`);
  if (rest.status !== 206) return checkWhole(scene, path, rest, least);
  if (rest.etag !== first.etag) wrong(scene, path, 'a range has another tag than the one that was asked for');
  checkWhole(scene, path, { ...rest, status: 200, body: Buffer.concat([first.body, rest.body]) }, least);
}

async function leaveMidway(scene: SoakScene, agent: Agent): Promise<void> {
  const path = pick(scene.tree.largePaths);
  const response = await open(scene, agent, path, {});
  scene.tally.count(`left ${response.statusCode}`);
  const enough = Math.random() * 2_000_000;
  let taken = 0;
  response.on('error', () => undefined);
  for await (const chunk of response) {
    taken += (chunk as Buffer).length;
    if (taken > enough) break; // which destroys the connection
  }
}

async function readSlowly(scene: SoakScene, agent: Agent): Promise<void> {
  const path = pick(scene.tree.largePaths);
  const least = scene.published();
  const response = await open(scene, agent, path, {});
  const body = await bodyOf(response, () => delay(SLOW_STEP_MS));
  scene.tally.count(`slow ${response.statusCode}`);
  checkWhole(scene, path, answerOf(response, body), least);
}

async function list(scene: SoakScene, agent: Agent): Promise<void> {
  const answer = await get(scene, agent, 'pool/?format=json', {});
  scene.tally.count(`listing ${answer.status}`);
  const names = (JSON.parse(answer.body.toString()) as { name: string }[]).map(({ name }) => `pool/${name}`);
  const missing = scene.tree.paths.filter((path) => path.startsWith('pool/') && !names.includes(path));
  if (missing.length > 0) wrong(scene, 'pool/', `a listing has no ${missing.join(', ')}`);
  await delay(100);
}

async function getChecked(scene: SoakScene, agent: Agent, path: string, headers: Headers): Promise<Answer | undefined> {
  const least = scene.published();
  const answer = await get(scene, agent, path, headers);
  scene.tally.count(`whole ${answer.status}`);
  // neither of the two generations has it while the one before is made ready for the next
  if (path === scene.tree.passingPath && answer.status === 404) return undefined;
  checkWhole(scene, path, answer, least);
  return answer;
}

function checkWhole(scene: SoakScene, path: string, { status, body }: Answer, least: number): void {
  if (status !== 200) return wrong(scene, path, `it was answered ${status}`);
  const known = scene.tree.contentOf(path, body);
  if (!known) return wrong(scene, path, `it begins with ${JSON.stringify(body.toString('latin1', 0, 40))}`);
  if (!known.content.equals(body)) return wrong(scene, path, `it is not the file of generation ${known.generation}`);
  checkGeneration(scene, path, body, least);
}

/** `least`: the oldest generation that was served when it was asked for. */
function checkGeneration(scene: SoakScene, path: string, body: Buffer, least: number): void {
  const generation = scene.tree.contentOf(path, body)?.generation ?? -1;
  if (generation < scene.tree.writtenIn(path, least))
    wrong(scene, path, `it is of generation ${generation}, and ${least} was served`);
}

function wrong({ tally }: SoakScene, path: string, what: string): void {
  tally.wrong.push(`${path}: ${what}`);
}

async function get(scene: SoakScene, agent: Agent, path: string, headers: Headers): Promise<Answer> {
  const response = await open(scene, agent, path, headers);
  return answerOf(response, await bodyOf(response));
}

function open({ url }: SoakScene, agent: Agent, path: string, headers: Headers): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url + path, { agent, headers }, resolve)
      .once('error', reject)
      .end();
  });
}

async function bodyOf(response: IncomingMessage, step?: () => Promise<void>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    await step?.();
  }
  if (!response.complete) throw new Error('an answer was cut');
  return Buffer.concat(chunks);
}

function answerOf(response: IncomingMessage, body: Buffer): Answer {
  const { etag = '' } = response.headers;
  return { status: response.statusCode ?? 0, etag, body };
}

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)] as T;
}
