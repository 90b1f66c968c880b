/** What the next run of a repository of images would cost, found out before anything moves. */
export interface ImagePlan {
  /** The repository here. */
  readonly name: string;
  /** The repository as its registry has it, with the registry before it. */
  readonly upstream: string;
  /** Tags that the selection takes, and those of them that are new here or have moved upstream. */
  readonly tags: number;
  readonly changed: number;
  /** Manifests and blobs to be fetched; bytes of all of them. */
  readonly manifests: number;
  readonly blobs: number;
  readonly bytes: number;
  /** Fetches of manifests that count against the limit of the registry, and how many it allows now; null is not known. */
  readonly pulls: number;
  readonly remaining: number | null;
}
