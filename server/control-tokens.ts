import { createHash, randomBytes } from 'node:crypto';
import type { Express } from 'express';
import { z } from 'zod';
import { namePatternProblem } from '../config/name-pattern.js';
import type { Settings } from '../config/settings.js';
import { MillpondError } from '../core/errors.js';
import type { Store } from '../store/open.js';
import type { TokenRecord } from '../store/tokens.js';
import { bodyOf } from './control-body.js';

export interface TokenControlDeps {
  readonly store: Store;
  settings(): Settings;
  clock(): number;
}

export interface CreatedToken {
  readonly token: TokenRecord;
  /** Told this once: only its hash is kept. */
  readonly secret: string;
  /** Patterns of repositories that any token may open, as configured: what the token has beyond them is of no use. */
  readonly allowed: readonly string[];
}

/** Clients show it where it was pasted, so that it can be told for what it is. */
const SECRET_PREFIX = 'mpt_';
/** As many as no one guesses: 43 characters of base64url. */
const SECRET_BYTES = 32;
const LONGEST_LIFE = 10 * 366 * 86_400;

const CREATE_BODY = z.strictObject({
  /** Null is one that is free. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, {
      error: 'must be 1 to 64 characters: letters, digits, ".", "_", "@", "-"',
    })
    .nullable()
    .default(null),
  push: z.array(z.string().superRefine(complainOfPattern)).min(1).max(100),
  /** Seconds from now. */
  expires: z.number().int().min(60).max(LONGEST_LIFE).nullable().default(null),
});

/** Adds the making, listing and removing of tokens to the control socket. */
export function addTokenRoutes(app: Express, deps: TokenControlDeps): void {
  const { store } = deps;
  app.get('/tokens', (_req, res) => void res.json(store.tokens.list()));
  app.post('/tokens', (req, res) => void res.status(201).json(createToken(deps, bodyOf(req, CREATE_BODY))));
  app.post('/tokens/:name/remove', (req, res) => {
    const token = store.tokens.byName(req.params.name);
    if (!token)
      throw new MillpondError('not-found', `there is no token ${JSON.stringify(req.params.name)}`, {
        hint: '`millpond token ls` lists them.',
      });
    store.tokens.remove(token.name);
    res.json(token);
  });
}

function createToken(deps: TokenControlDeps, { push, expires, ...given }: z.output<typeof CREATE_BODY>): CreatedToken {
  const { store } = deps;
  const name = given.name ?? freeName(store);
  if (store.tokens.byName(name))
    throw new MillpondError('conflict', `there is a token ${JSON.stringify(name)} already`, {
      hint: `Choose another name, or remove that one first: millpond token rm ${name}`,
    });
  const at = deps.clock();
  const secret = `${SECRET_PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const secretHash = createHash('sha256').update(secret).digest('hex');
  const expiresAt = expires === null ? null : at + expires * 1000;
  const token = store.tokens.add({ name, secretHash, push, at, expiresAt });
  return { token, secret, allowed: deps.settings().registry.push };
}

function freeName(store: Store): string {
  for (let number = 1; ; number++) if (!store.tokens.byName(`token-${number}`)) return `token-${number}`;
}

function complainOfPattern(pattern: string, context: z.RefinementCtx): void {
  const problem = namePatternProblem(pattern);
  if (problem) context.addIssue({ code: 'custom', message: problem });
}
