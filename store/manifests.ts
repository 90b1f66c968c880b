import type Database from 'better-sqlite3';
import type { Digest } from '../core/oci/digest.js';
import { MOST_ANNOTATION_CHARACTERS, type Manifest, type Part } from '../core/oci/manifest.js';
import { parsePlatform, platformText } from '../core/oci/platform.js';

/** What is known of a manifest without reading it, and is small. */
export interface ManifestFacts {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | null;
  /** What it refers to; that need not be here. */
  readonly subject: Digest | null;
  /** Bytes of the manifest itself. */
  readonly size: number;
}

export interface ManifestRecord extends ManifestFacts {
  readonly annotations: Readonly<Record<string, string>> | null;
}

interface FactsRow {
  digest: string;
  media_type: string;
  artifact_type: string | null;
  subject: string | null;
  size: number;
}

interface Row extends FactsRow {
  annotations: string | null;
}

interface PartRow {
  digest: string;
  role: string;
  media_type: string;
  size: number;
  platform: string | null;
  is_foreign: number;
}

const FACTS = 'm.digest, m.media_type, m.artifact_type, m.subject, b.size';
/** JSON of them is longer, at most six characters for one. */
const LONGEST_ANNOTATIONS = 6 * MOST_ANNOTATION_CHARACTERS;

export class ManifestStore {
  readonly #add: Database.Statement;
  readonly #addPart: Database.Statement;
  readonly #get: Database.Statement<[string], Row>;
  readonly #facts: Database.Statement<[string], FactsRow>;
  readonly #annotations: Database.Statement<[string, number], string>;
  readonly #remove: Database.Statement<[string]>;
  readonly #parts: Database.Statement<[string], PartRow>;
  readonly #namedIn: Database.Statement<[string, string], PartRow>;
  readonly #referrers: Database.Statement<
    { repository: string; subject: string; after: string; limit: number },
    FactsRow
  >;

  constructor(db: Database.Database) {
    this.#add = db.prepare(`
      INSERT INTO manifests (digest, media_type, artifact_type, subject, annotations)
      VALUES (@digest, @mediaType, @artifactType, @subject, @annotations)
      ON CONFLICT (digest) DO NOTHING`);
    this.#addPart = db.prepare(`
      INSERT INTO manifest_parts (manifest, position, digest, role, media_type, size, platform, is_foreign)
      VALUES (@manifest, @position, @digest, @role, @mediaType, @size, @platform, @foreign)`);
    const one = 'FROM manifests m JOIN blobs b USING (digest) WHERE m.digest = ?';
    this.#get = db.prepare(`SELECT ${FACTS}, m.annotations ${one}`);
    this.#facts = db.prepare(`SELECT ${FACTS} ${one}`);
    this.#annotations = db
      .prepare<[string, number], string>(
        'SELECT annotations FROM manifests WHERE digest = ? AND octet_length(annotations) <= ?',
      )
      .pluck();
    this.#remove = db.prepare('DELETE FROM manifests WHERE digest = ?');
    this.#parts = db.prepare('SELECT * FROM manifest_parts WHERE manifest = ? ORDER BY position');
    // one that says for which platform it is comes first
    this.#namedIn = db.prepare(`
      SELECT p.* FROM manifest_parts p
      JOIN repository_content c ON c.digest = p.manifest AND c.repository = ?
      WHERE p.digest = ? ORDER BY p.platform IS NULL LIMIT 1`);
    this.#referrers = db.prepare(`
      SELECT ${FACTS} FROM manifests m
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

  /** Without its annotations. */
  facts(digest: Digest): ManifestFacts | undefined {
    const row = this.#facts.get(digest);
    return row && toFacts(row);
  }

  /** Null also of more than are recorded today. */
  annotations(digest: Digest): ManifestRecord['annotations'] {
    const text = this.#annotations.get(digest, LONGEST_ANNOTATIONS);
    return text === undefined ? null : (JSON.parse(text) as Record<string, string>);
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
  referrers(repository: string, subject: Digest, page: { after: Digest; limit: number }): ManifestFacts[] {
    return this.#referrers.all({ repository, subject, ...page }).map(toFacts);
  }
}

function toFacts(row: FactsRow): ManifestFacts {
  return {
    digest: row.digest,
    mediaType: row.media_type,
    artifactType: row.artifact_type,
    subject: row.subject,
    size: row.size,
  };
}

function toRecord(row: Row): ManifestRecord {
  const annotations = row.annotations === null ? null : (JSON.parse(row.annotations) as Record<string, string>);
  return { ...toFacts(row), annotations };
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
