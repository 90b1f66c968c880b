import { parseChallenges, type Challenge } from '../../../core/oci/challenge.js';
import type { Registry } from '../../../core/oci/image-mirror.js';
import { redirectTarget } from '../../../platform/http-redirects.js';
import type { Credential, RegistryCredentials } from './registry-credentials.js';
import { orAborted } from './or-aborted.js';
import { RegistryFailure } from './registry-failure.js';
import {
  basicOf,
  credentialsFailure,
  fetchToken,
  type Token,
  type TokenRequest,
  type TokenServerOptions,
} from './registry-tokens.js';

/** The value of an Authorization field. */
export interface Grant {
  readonly authorization: string;
  /** Made after the registry had asked: when it is refused, another would be as well. */
  readonly isFresh: boolean;
}

export interface RegistryAuthOptions extends TokenServerOptions {
  readonly upstream: Registry;
  readonly credentials: RegistryCredentials;
}

const MOST_KEPT = 1_000;
const TOKEN_FETCH_MS = 60_000;

/**
 * What convinces one registry. Tokens are kept for (realm, service, scope) until they end, and each is fetched once
 * however many wait for it. Credentials go to the registry's own host and to that of the realm which its first
 * challenge named, and to nobody else.
 */
export class RegistryAuth {
  /** What a repository was last asked for; the empty name is the registry itself. */
  readonly #asked = new Map<string, TokenRequest | 'basic'>();
  readonly #tokens = new Map<string, Token>();
  readonly #fetches = new Map<string, Promise<Token>>();
  #trustedRealm: string | null = null;

  constructor(private readonly options: RegistryAuthOptions) {}

  get isAnonymous(): boolean {
    return this.options.upstream.credentials === null;
  }

  /** What convinced it before, so that it need not ask again; null where that is not known or has ended. */
  known(repository: string): Grant | null {
    const asked = this.#asked.get(repository);
    if (asked === undefined) return null;
    if (asked === 'basic') {
      const credential = this.#credential();
      return credential?.kind === 'password' ? { authorization: basicOf(credential), isFresh: false } : null;
    }
    const token = this.#usable(keyOf(asked));
    return token ? { authorization: bearerOf(token), isFresh: false } : null;
  }

  /**
   * Meets the challenges of a 401 that came over the registry's own connection. `rejected` is what had been sent.
   * @throws RegistryFailure; the signal's reason
   */
  async meet(
    fields: readonly string[],
    repository: string,
    rejected: string | null,
    signal: AbortSignal,
  ): Promise<Grant> {
    const challenges = parseChallenges(fields);
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm']);
    if (bearer) return this.#bearer(this.#requestOf(bearer, repository), repository, rejected, signal);
    if (challenges.some(({ scheme }) => scheme === 'basic')) return this.#basic(repository);
    throw new RegistryFailure(
      'unauthorized',
      `${this.options.registry} wants a login of a kind that is not known here`,
      {
        status: 401,
      },
    );
  }

  #basic(repository: string): Grant {
    const credential = this.#credential();
    if (credential?.kind !== 'password')
      throw new RegistryFailure(
        'unauthorized',
        credential === null
          ? `${this.options.registry} wants a user and a password`
          : `${this.options.registry} wants a user and a password, and the credentials are a token`,
        { status: 401 },
      );
    remember(this.#asked, repository, 'basic');
    return { authorization: basicOf(credential), isFresh: true };
  }

  async #bearer(
    request: TokenRequest,
    repository: string,
    rejected: string | null,
    signal: AbortSignal,
  ): Promise<Grant> {
    remember(this.#asked, repository, request);
    const key = keyOf(request);
    const kept = this.#usable(key);
    if (kept && bearerOf(kept) !== rejected) return { authorization: bearerOf(kept), isFresh: false };
    this.#tokens.delete(key);
    signal.throwIfAborted();
    const token = await orAborted(this.#fetch(key, request), signal);
    return { authorization: bearerOf(token), isFresh: true };
  }

  /** Goes on for the others when one of those who wait for it leaves. */
  #fetch(key: string, request: TokenRequest): Promise<Token> {
    const underWay = this.#fetches.get(key);
    if (underWay) return underWay;
    const { registry } = this.options;
    const signal = AbortSignal.timeout(TOKEN_FETCH_MS);
    const fetching = Promise.resolve()
      .then(() => fetchToken(request, this.#credentialFor(request.realm), { ...this.options, signal }))
      .then((token) => {
        remember(this.#tokens, key, token);
        return token;
      })
      .catch((error: unknown) => {
        throw signal.aborted && error === signal.reason
          ? new RegistryFailure('timeout', `the token server of ${registry} does not answer in time`)
          : error;
      })
      .finally(() => this.#fetches.delete(key));
    this.#fetches.set(key, fetching);
    return fetching;
  }

  #requestOf({ parameters }: Challenge, repository: string): TokenRequest {
    const realm = redirectTarget(new URL(this.options.upstream.url), parameters['realm']);
    if (typeof realm === 'string')
      throw new RegistryFailure('denied', `${this.options.registry} sends for a token ${realm}`, { status: 401 });
    this.#trustedRealm ??= realm.origin;
    return {
      realm,
      service: parameters['service'] ?? null,
      scope: parameters['scope'] ?? (repository === '' ? null : `repository:${repository}:pull`),
    };
  }

  #credentialFor(realm: URL): Credential | null {
    const credential = this.#credential();
    const { registry, upstream } = this.options;
    if (credential && realm.origin !== this.#trustedRealm && realm.origin !== new URL(upstream.url).origin)
      throw new RegistryFailure(
        'unauthorized',
        `${registry} names another token server than before, which does not get our credentials`,
      );
    return credential;
  }

  #credential(): Credential | null {
    try {
      return this.options.credentials.get();
    } catch (error) {
      throw credentialsFailure(error);
    }
  }

  #usable(key: string): Token | undefined {
    const token = this.#tokens.get(key);
    return token && token.usableUntil > this.options.clock() ? token : undefined;
  }
}

function keyOf({ realm, service, scope }: TokenRequest): string {
  return JSON.stringify([realm.href, service, scope]);
}

function bearerOf({ token }: Token): string {
  return `Bearer ${token}`;
}

/** The oldest goes when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MOST_KEPT && oldest !== undefined) map.delete(oldest);
}
