export interface BlobCount {
  readonly blobs: number;
  readonly bytes: number;
}

/** What the next run of a repository of images would do, found out before anything moves. */
export interface ImagePlan {
  /** The repository here. */
  readonly name: string;
  /** Tags that upstream lists, and those that are chosen of them. */
  readonly listed: number;
  readonly chosen: readonly string[];
  /** Chosen tags that are here as upstream has them. */
  readonly same: number;
  /** Chosen tags that would come or move, and tags here that would go. */
  readonly moving: readonly string[];
  readonly going: readonly string[];
  /** Manifests that have to be fetched, each of which registries such as Docker Hub count as a pull. */
  readonly pulls: number;
  /** Those of them that the plan itself has fetched; they are kept for the run, for as long as grace lasts. */
  readonly spent: number;
  /** Null when only counted. Bytes that wait of a fetch that broke off are taken away. */
  readonly toFetch: BlobCount | null;
  readonly here: BlobCount | null;
  /** False when `pulls` is the least that it can be. Referrers of the API always come on top. */
  readonly isExact: boolean;
  /** Sentences about tags that could not be looked at, and about what ended the plan early. */
  readonly problems: readonly string[];
}

export interface PlanHow {
  /** One configured repository; null is all of them. */
  readonly name: string | null;
  /** Only what HEAD tells, which costs no pull: bytes and children stay unknown. */
  readonly cheap: boolean;
  readonly signal: AbortSignal;
}
