import { setTimeout as sleep } from 'node:timers/promises';
import { parseRetryAfter } from '../../../core/oci/rate-limit.js';
import type { HttpAnswer, HttpClient } from '../../../platform/http-client.js';
import { isRedirect, redirectTarget } from '../../../platform/http-redirects.js';
import type { Grant, RegistryAuth } from './registry-auth.js';
import { SHORT_WAIT, type RegistryBudget } from './registry-budget.js';
import { RegistryFailure, statusFailure, toRegistryFailure } from './registry-failure.js';

export interface RegistryRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD';
  /** Whose token is needed; empty for the registry itself. */
  readonly repository: string;
  /** What is asked for, for sentences: "library/debian:12". */
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Whether it is an admitted GET of a manifest. */
  readonly counted: boolean;
}

export interface RegistryTransportOptions {
  readonly registry: string;
  readonly http: HttpClient;
  readonly auth: RegistryAuth;
  readonly budget: RegistryBudget;
  readonly clock: () => number;
  readonly userAgent: string;
  /** Waits so many milliseconds, or throws the signal's reason; real time by default. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

interface Reached {
  readonly answer: HttpAnswer;
  /** It came from the registry's own origin, without a way over another. */
  readonly isOwn: boolean;
}

const MOST_REDIRECTS = 5;
const MOST_TRIES_AFTER_429 = 2;
const MOST_PAUSES = 3;
/** One without a token, one with a kept one, one with a new one. */
const MOST_LOGINS = 3;

/**
 * Sends requests to one registry and what it redirects to: with what convinces it, by its limits, with short waits kept.
 * Authorization is dropped with the first redirect to another origin and never comes back.
 */
export class RegistryTransport {
  /** Answers of others, to whom the registry has led. */
  readonly #foreign = new WeakSet<HttpAnswer>();
  readonly #wait: NonNullable<RegistryTransportOptions['wait']>;

  constructor(private readonly options: RegistryTransportOptions) {
    this.#wait = options.wait ?? (async (milliseconds, signal) => sleep(milliseconds, undefined, { signal }));
  }

  /**
   * The answer, whatever its status but 401. Its body must be read, drained or destroyed.
   * @throws RegistryFailure; the signal's reason
   */
  async send(request: RegistryRequest): Promise<HttpAnswer> {
    try {
      return await this.#sendPatiently(request);
    } catch (error) {
      request.signal.throwIfAborted();
      throw toRegistryFailure(this.options.registry, error);
    }
  }

  /** @throws RegistryFailure of what the answer means; drains it first */
  async fail(answer: HttpAnswer, request: Pick<RegistryRequest, 'what'>): Promise<never> {
    const { registry } = this.options;
    await answer.drain();
    // only the registry itself knows what it has: a storage without it is out of order
    if (answer.status === 404 && this.#foreign.has(answer))
      throw new RegistryFailure('unavailable', `${registry} leads to a storage that does not have ${request.what}`, {
        status: 404,
      });
    throw statusFailure(registry, request.what, {
      status: answer.status,
      retryAfter: this.#retryAfter(answer),
    });
  }

  async #sendPatiently(request: RegistryRequest): Promise<HttpAnswer> {
    const { budget } = this.options;
    for (let refusals = 0; ;) {
      await this.#pause(request.signal);
      const { answer, isOwn } = await this.#sendWithLogin(request);
      const retryAfter = isOwn ? budget.heard(answer, request.counted) : this.#retryAfter(answer);
      if (!isOwn) this.#foreign.add(answer);
      if (answer.status !== 429 || refusals++ === MOST_TRIES_AFTER_429) return answer;
      if (retryAfter === null || retryAfter > SHORT_WAIT) return answer;
      await answer.drain();
      if (!isOwn) await this.#wait(retryAfter * 1000, request.signal);
    }
  }

  /** Others may make the pause longer meanwhile. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { budget, registry } = this.options;
    let pause = budget.pause();
    for (let pauses = 0; pause > 0; pauses++) {
      if (pauses === MOST_PAUSES)
        throw new RegistryFailure('rate-limited', `${registry} asks to be left alone again and again`, {
          retryAfter: SHORT_WAIT,
        });
      await this.#wait(pause, signal);
      pause = budget.pause();
    }
  }

  async #sendWithLogin(request: RegistryRequest): Promise<Reached> {
    const { auth, registry } = this.options;
    let grant = auth.known(request.repository);
    for (let logins = 0; ; logins++) {
      const { answer, isOwn } = await this.#follow(request, grant?.authorization ?? null);
      if (answer.status !== 401) return { answer, isOwn };
      const challenges = answer.fields('www-authenticate');
      await answer.drain();
      // only the registry itself may ask for a login
      if (!isOwn || grant?.isFresh || logins === MOST_LOGINS)
        throw statusFailure(registry, request.what, { status: 401, retryAfter: null, anonymous: auth.isAnonymous });
      grant = await this.#meet(challenges, request, grant?.authorization ?? null);
    }
  }

  async #meet(challenges: readonly string[], request: RegistryRequest, rejected: string | null): Promise<Grant> {
    try {
      return await this.options.auth.meet(challenges, request.repository, rejected, request.signal);
    } catch (error) {
      if (error instanceof RegistryFailure && error.status === 429) this.options.budget.block(429, error.retryAfter);
      throw error;
    }
  }

  async #follow(request: RegistryRequest, authorization: string | null): Promise<Reached> {
    const { http, registry, userAgent } = this.options;
    const { method, signal } = request;
    const common = { 'accept-encoding': 'identity', 'user-agent': userAgent, ...request.headers };
    let target = request.url;
    let isOwn = true;
    for (let hops = 0; ; hops++) {
      const headers = isOwn && authorization !== null ? { ...common, authorization } : common;
      const answer = await http.request(target, { method, headers, signal });
      if (!isRedirect(answer.status)) return { answer, isOwn };
      await answer.drain();
      const next = hops === MOST_REDIRECTS ? 'again and again' : redirectTarget(target, answer.field('location'));
      if (typeof next === 'string')
        throw new RegistryFailure('denied', `${registry} redirects ${next}, when asked for ${request.what}`, {
          status: answer.status,
        });
      isOwn &&= next.origin === target.origin;
      target = next;
    }
  }

  #retryAfter(answer: HttpAnswer): number | null {
    return parseRetryAfter(answer.field('retry-after'), this.options.clock());
  }
}
