import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';
import type { Manifest, Part } from '../core/oci/manifest.js';
import { parsePlatform, platformText } from '../core/oci/platform.js';

/** What is known of a manifest without reading it. */
export interface ManifestRecord {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | null;
  /** What it refers to; that need not be here. */
  readonly subject: Digest | null;
  readonly annotations: Readonly<Record<string, string>> | null;
  /** Bytes of the manifest itself. */
  readonly size: number;
}

interface Row {
  digest: string;
  media_type: string;
  artifact_type: string | null;
  subject: string | null;
  annotations: string | null;
  size: number;
}

interface PartRow {
  digest: string;
  role: string;
  media_type: string;
  size: number;
  platform: string | null;
  is_foreign: number;
}

const COLUMNS = 'm.digest, m.media_type, m.artifact_type, m.subject, m.annotations, b.size';

export class ManifestStore {
  readonly #add: Database.Statement;
  readonly #addPart: Database.Statement;
  readonly #get: Database.Statement<[string], Row>;
  readonly #remove: Database.Statement<[string]>;
  readonly #parts: Database.Statement<[string], PartRow>;
  readonly #namedIn: Database.Statement<[string, string], PartRow>;
  readonly #referrers: Database.Statement<{ repository: string; subject: string; after: string; limit: number }, Row>;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO manifests (digest, media_type, artifact_type, subject, annotations)
      VALUES (@digest, @mediaType, @artifactType, @subject, @annotations)
      ON CONFLICT (digest) DO NOTHING`);
    this.#addPart = db.prepare(`
      INSERT INTO manifest_parts (manifest, position, digest, role, media_type, size, platform, is_foreign)
      VALUES (@manifest, @position, @digest, @role, @mediaType, @size, @platform, @foreign)`);
    this.#get = db.prepare(`SELECT ${COLUMNS} FROM manifests m JOIN blobs b USING (digest) WHERE m.digest = ?`);
    this.#remove = db.prepare('DELETE FROM manifests WHERE digest = ?');
    this.#parts = db.prepare('SELECT * FROM manifest_parts WHERE manifest = ? ORDER BY position');
    // one that says for which platform it is comes first
    this.#namedIn = db.prepare(`
      SELECT p.* FROM manifest_parts p
      JOIN repository_content c ON c.digest = p.manifest AND c.repository = ?
      WHERE p.digest = ? ORDER BY p.platform IS NULL LIMIT 1`);
    this.#referrers = db.prepare(`
      SELECT ${COLUMNS} FROM manifests m
      JOIN blobs b USING (digest)
      JOIN repository_content c ON c.digest = m.digest AND c.repository = @repository
      WHERE m.subject = @subject AND m.digest > @after
      ORDER BY m.digest LIMIT @limit`);
  }

  /** Its blob must be recorded. One that is known stays as it is: the same digest says the same. */
  add(digest: Digest, manifest: Manifest): void {
    const { changes } = this.#add.run({
      digest,
      mediaType: manifest.mediaType,
      artifactType: manifest.artifactType,
      subject: manifest.subject?.digest ?? null,
      annotations: manifest.annotations && JSON.stringify(manifest.annotations),
    });
    if (changes === 0) return;
    manifest.parts.forEach((part, position) => {
      const platform = part.platform && platformText(part.platform);
      this.#addPart.run({ ...part, manifest: digest, position, platform, foreign: part.foreign ? 1 : 0 });
    });
  }

  get(digest: Digest): ManifestRecord | undefined {
    const row = this.#get.get(digest);
    return row && toRecord(row);
  }

  remove(digest: Digest): void {
    this.#remove.run(digest);
  }

  /** What it names, in its own order. */
  parts(digest: Digest): Part[] {
    return this.#parts.all(digest).map(toPart);
  }

  /** What a manifest in `repository` says of `digest`, which need not be here; undefined when none names it. */
  namedIn(repository: string, digest: Digest): Part | undefined {
    const row = this.#namedIn.get(repository, digest);
    return row && toPart(row);
  }

  /** Manifests in `repository` whose subject is `subject`, in the order of their digests, behind `after`. */
  referrers(repository: string, subject: Digest, page: { after: Digest; limit: number }): ManifestRecord[] {
    return this.#referrers.all({ repository, subject, ...page }).map(toRecord);
  }
}

function toRecord(row: Row): ManifestRecord {
  return {
    digest: row.digest,
    mediaType: row.media_type,
    artifactType: row.artifact_type,
    subject: row.subject,
    annotations: row.annotations === null ? null : (JSON.parse(row.annotations) as Record<string, string>),
    size: row.size,
  };
}

function toPart(row: PartRow): Part {
  return {
    digest: row.digest,
    role: row.role as Part['role'],
    mediaType: row.media_type,
    size: row.size,
    platform: row.platform === null ? null : (parsePlatform(row.platform) ?? null),
    foreign: row.is_foreign === 1,
  };
}
