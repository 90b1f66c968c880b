import { request, type IncomingMessage } from 'node:http';
import { MillpondError, messageOf, systemCode, type ErrorCode } from '../core/errors.js';
import type { EngineEvent } from '../core/engine.js';
import type { HeldTree } from '../core/held.js';
import type { Run } from '../core/run.js';
import type { ProgramStatus, ReloadResult, RestartedWorkers, RunWithStages } from '../server/control.js';
import type { HelpCheckLine } from '../server/control-help.js';
import type {
  CollectLine,
  PlanLine,
  RepositorySummary,
  RepositoryWithTags,
  RolledBackImage,
  ScrubLine,
  TagWithHistory,
} from '../server/control-images.js';
import type { CreatedToken } from '../server/control-tokens.js';
import { ERROR_STATUS } from '../server/errors.js';
import type { ImageStatus } from '../server/image-status.js';
import type { MirrorStatus } from '../server/mirror-status.js';
import type { TokenRecord } from '../store/tokens.js';
import { linesOf } from './lines.js';

const DEFAULT_TIMEOUT_MS = 120_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_LINE_BYTES = 1024 * 1024;

export interface ControlAddress {
  readonly socketPath: string;
  /** For sentences: the folder whose program is meant. */
  readonly dataFolder: string;
}

/**
 * Talks to the running program over its control socket. All methods throw MillpondError: what the program answered, or
 * `unavailable` when it is not running, `refused` when its socket belongs to another user.
 */
export class ControlClient {
  constructor(
    private readonly address: ControlAddress,
    private readonly timeoutMs: number = DEFAULT_TIMEOUT_MS,
  ) {}

  status(): Promise<ProgramStatus> {
    return this.#json('GET', '/status');
  }

  /** Of a tree, or of a repository of images. */
  mirrorStatus(mirror: string): Promise<MirrorStatus | ImageStatus> {
    return this.#json('GET', `/status/${encodeURIComponent(mirror)}`);
  }

  sync(mirror: string, options: { force: boolean }): Promise<Run> {
    return this.#json('POST', `${mirrorPath(mirror)}/sync`, options);
  }

  cancel(mirror: string): Promise<{ cancelled: number[] }> {
    return this.#json('POST', `${mirrorPath(mirror)}/cancel`);
  }

  pause(mirror: string, reason: string): Promise<MirrorStatus | ImageStatus> {
    return this.#json('POST', `${mirrorPath(mirror)}/pause`, { reason });
  }

  resume(mirror: string): Promise<MirrorStatus | ImageStatus> {
    return this.#json('POST', `${mirrorPath(mirror)}/resume`);
  }

  /** The tree that waits for a person. */
  held(mirror: string): Promise<HeldTree> {
    return this.#json('GET', `${mirrorPath(mirror)}/held`);
  }

  /** Asks for the run that publishes what `run` brought and the guard holds back. */
  approve(mirror: string, run: number): Promise<Run> {
    return this.#json('POST', `${mirrorPath(mirror)}/approve`, { run });
  }

  reject(mirror: string, run: number): Promise<MirrorStatus> {
    return this.#json('POST', `${mirrorPath(mirror)}/reject`, { run });
  }

  /** To the kept generation of a stamp, or with null to the one before. */
  rollback(mirror: string, to: string | null): Promise<{ generation: number }> {
    return this.#json('POST', `${mirrorPath(mirror)}/rollback`, { to });
  }

  reload(): Promise<ReloadResult> {
    return this.#json('POST', '/reload');
  }

  restartWorkers(): Promise<RestartedWorkers> {
    return this.#json('POST', '/workers/restart');
  }

  run(id: number): Promise<RunWithStages> {
    return this.#json('GET', `/runs/${id}`);
  }

  /** Newest first. */
  runs(mirror: string, limit: number): Promise<Run[]> {
    return this.#json('GET', `${mirrorPath(mirror)}/runs?limit=${limit}`);
  }

  /** The log of a run, byte for byte; with `follow` it goes on until the run has ended. */
  async log(id: number, options: { follow: boolean }): Promise<AsyncIterable<Buffer>> {
    return this.#chunks(await this.#send('GET', `/runs/${id}/log${options.follow ? '?follow=1' : ''}`));
  }

  /** The events of a mirror from now on, until the program ends or `close` is called. */
  async events(mirror: string): Promise<{ events: AsyncIterable<EngineEvent>; close: () => void }> {
    const answer = await this.#send('GET', `/events?mirror=${encodeURIComponent(mirror)}`);
    return { events: this.#lines(answer), close: () => answer.destroy() };
  }

  repositories(): Promise<RepositorySummary[]> {
    return this.#json('GET', '/repositories');
  }

  repository(name: string): Promise<RepositoryWithTags> {
    return this.#json('GET', `/repositories/${encodeURIComponent(name)}`);
  }

  imageTag(repository: string, tag: string): Promise<TagWithHistory> {
    return this.#json('GET', `/repositories/${encodeURIComponent(repository)}/tags/${encodeURIComponent(tag)}`);
  }

  /** A line for each configured repository, as upstream answers, or for the one that is named. */
  async planImages(options: { name: string | null; cheap: boolean }): Promise<AsyncIterable<PlanLine>> {
    return this.#lines(await this.#send('POST', '/images/plan', options));
  }

  rollBackImage(repository: string, tag: string, to: string | null): Promise<RolledBackImage> {
    return this.#json('POST', '/images/rollback', { repository, tag, to });
  }

  /** With all its tags, unless one is named. */
  removeImages(repository: string, tag: string | null): Promise<RepositorySummary> {
    return this.#json('POST', '/images/remove', { repository, tag });
  }

  /** A line for each that goes, as it goes, and the report. */
  async collectImages(options: { dryRun: boolean }): Promise<AsyncIterable<CollectLine>> {
    return this.#lines(await this.#send('POST', '/images/gc', options));
  }

  /** A line for each that is wrong, as it is found, and the report. Ends when this client goes. */
  async scrubImages(options: { all: boolean }): Promise<AsyncIterable<ScrubLine>> {
    return this.#lines(await this.#send('POST', '/images/scrub', options));
  }

  /** A line for each form of instructions that was tried out, of one mirror or of all, and how many failed. */
  async checkHelp(mirror: string | null): Promise<AsyncIterable<HelpCheckLine>> {
    return this.#lines(await this.#send('POST', '/help/check', { mirror }));
  }

  tokens(): Promise<TokenRecord[]> {
    return this.#json('GET', '/tokens');
  }

  /** A `name` of null becomes one that is free. `expires` is seconds from now; null is never. */
  createToken(token: { name: string | null; push: readonly string[]; expires: number | null }): Promise<CreatedToken> {
    return this.#json('POST', '/tokens', token);
  }

  removeToken(name: string): Promise<TokenRecord> {
    return this.#json('POST', `/tokens/${encodeURIComponent(name)}/remove`);
  }

  #lines<T>(answer: IncomingMessage): AsyncGenerator<T> {
    return parseLines<T>(linesOf(this.#chunks(answer), MAX_LINE_BYTES));
  }

  async #json<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const answer = await this.#send(method, path, body);
    return JSON.parse(await this.#text(answer)) as T;
  }

  /** The answer, when it is a good one. */
  async #send(method: 'GET' | 'POST', path: string, body?: object): Promise<IncomingMessage> {
    const answer = await this.#request(method, path, body);
    const status = answer.statusCode ?? 0;
    if (status < 400) return answer;
    throw problemIn(await this.#text(answer)) ?? this.#stranger();
  }

  #request(method: 'GET' | 'POST', path: string, body?: object): Promise<IncomingMessage> {
    const { socketPath } = this.address;
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) };
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath, method, path, agent: false, ...(payload ? { headers } : {}) });
      const timer = setTimeout(() => asked.destroy(this.#silent()), this.timeoutMs);
      asked.once('close', () => clearTimeout(timer));
      asked.once('error', (error) => reject(this.#explain(error)));
      asked.once('response', (answer) => {
        clearTimeout(timer); // a stream may be silent for as long as it likes
        resolve(answer);
      });
      asked.end(payload);
    });
  }

  async #text(answer: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.#chunks(answer)) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) throw this.#stranger();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  async *#chunks(answer: IncomingMessage): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of answer) yield chunk as Buffer;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): MillpondError {
    if (error instanceof MillpondError) return error;
    const { socketPath, dataFolder } = this.address;
    switch (systemCode(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ECONNREFUSED':
        return new MillpondError('unavailable', `Millpond is not running for the data folder "${dataFolder}"`, {
          hint:
            'Start it with `millpond serve` (or `systemctl start millpond`); `--config` names another configuration. ' +
            'It may also run with another `data:` than the file names now: put that back, or end the process.',
        });
      case 'EACCES':
      case 'EPERM':
        return new MillpondError('refused', `this user may not use the control socket "${socketPath}"`, {
          hint: 'Run this command as the user that runs Millpond.',
        });
      case 'ECONNRESET':
      case 'EPIPE':
        return new MillpondError('unavailable', 'Millpond ended before it had answered', {
          hint: 'Its own log says why; `millpond serve` starts it again.',
        });
      case undefined:
      default:
        return new MillpondError('unavailable', `the control socket "${socketPath}" failed: ${messageOf(error)}`);
    }
  }

  #silent(): MillpondError {
    return new MillpondError('unavailable', `Millpond did not answer within ${this.timeoutMs / 1000} s`, {
      hint: 'It may be overloaded, or stopped by a debugger; its own log may say more.',
    });
  }

  #stranger(): MillpondError {
    return new MillpondError('unavailable', `what answers on "${this.address.socketPath}" is not this Millpond`, {
      hint: 'It may be another version: stop it and start this one.',
    });
  }
}

function mirrorPath(mirror: string): string {
  return `/mirrors/${encodeURIComponent(mirror)}`;
}

async function* parseLines<T>(lines: AsyncIterable<string>): AsyncGenerator<T> {
  for await (const line of lines) yield JSON.parse(line) as T;
}

/** The error in an `application/problem+json` body (RFC 9457), or undefined when the body is none. */
function problemIn(body: string): MillpondError | undefined {
  try {
    const { code, detail, hint } = JSON.parse(body) as Record<string, unknown>;
    if (typeof code !== 'string' || !Object.hasOwn(ERROR_STATUS, code) || typeof detail !== 'string') return undefined;
    return new MillpondError(code as ErrorCode, detail, { hint: typeof hint === 'string' ? hint : '' });
  } catch {
    return undefined;
  }
}
