import type Database from 'better-sqlite3';

/** A secret that opens repositories for pushing. Only its hash is kept. Milliseconds since the epoch, UTC. */
export interface TokenRecord {
  readonly id: number;
  readonly name: string;
  /** Patterns of repositories. */
  readonly push: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly usedAt: number | null;
}

interface Row {
  id: number;
  name: string;
  push: string;
  created_at: number;
  expires_at: number | null;
  used_at: number | null;
}

export class TokenStore {
  readonly #add: Database.Statement;
  readonly #byHash: Database.Statement<[string], Row>;
  readonly #byName: Database.Statement<[string], Row>;
  readonly #list: Database.Statement<[], Row>;
  readonly #use: Database.Statement<[number, number]>;
  readonly #remove: Database.Statement<[string]>;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO tokens (name, secret_hash, push, created_at, expires_at)
      VALUES (@name, @secretHash, @push, @at, @expiresAt)`);
    this.#byHash = db.prepare('SELECT * FROM tokens WHERE secret_hash = ?');
    this.#byName = db.prepare('SELECT * FROM tokens WHERE name = ?');
    this.#list = db.prepare('SELECT * FROM tokens ORDER BY name');
    this.#use = db.prepare('UPDATE tokens SET used_at = ? WHERE id = ?');
    this.#remove = db.prepare('DELETE FROM tokens WHERE name = ?');
  }

  /** `secretHash` is the sha256 of the secret in hex. The name must be new. */
  add(token: {
    name: string;
    secretHash: string;
    push: readonly string[];
    at: number;
    expiresAt: number | null;
  }): TokenRecord {
    this.#add.run({ ...token, push: JSON.stringify(token.push) });
    const row = this.#byName.get(token.name);
    if (!row) throw new Error(`the token ${token.name} was not recorded`);
    return toToken(row);
  }

  /** Also one that has expired. */
  bySecretHash(secretHash: string): TokenRecord | undefined {
    const row = this.#byHash.get(secretHash);
    return row && toToken(row);
  }

  byName(name: string): TokenRecord | undefined {
    const row = this.#byName.get(name);
    return row && toToken(row);
  }

  list(): TokenRecord[] {
    return this.#list.all().map(toToken);
  }

  setUsed(id: number, at: number): void {
    this.#use.run(at, id);
  }

  /** Whether there was one. */
  remove(name: string): boolean {
    return this.#remove.run(name).changes > 0;
  }
}

function toToken(row: Row): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    push: JSON.parse(row.push) as string[],
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
  };
}
