import type { FailureClass } from '../../core/failure.js';
import type { Stage, TreeMirror } from '../../core/mirror.js';
import type { RunProgress } from '../../core/run.js';
import type { Upstream } from '../../core/upstream.js';

/** What every request to an upstream needs. */
export interface UpstreamRequest {
  readonly mirror: TreeMirror;
  readonly upstream: Upstream;
  /** Ends the work: its processes get TERM, then KILL. The outcome is then `ended`. */
  readonly signal: AbortSignal;
  /** Added to the environment of child processes, so that orphans are found again. */
  readonly env: Readonly<Record<string, string>>;
  /** Where host keys of ssh upstreams are kept. */
  readonly knownHosts: string;
  /** Receives lines for the log of the run, without secrets. */
  readonly onLine: (line: string) => void;
}

export interface ProbeRequest extends UpstreamRequest {
  /** Path of the marker below the upstream's root. */
  readonly path: string;
  /** Empty folder of this run's own, to receive it. */
  readonly folder: string;
}

export type ProbeResult =
  /** `modifiedAt` is as upstream has it, milliseconds since the epoch. */
  | { readonly ok: true; readonly content: Buffer; readonly modifiedAt: number }
  | { readonly ok: true; readonly content: null } // upstream answers, but has no such file
  | Failure;

/** Of a file that may be large. */
export interface FetchRequest extends UpstreamRequest {
  /** Below the upstream's root. */
  readonly path: string;
  /** Absolute path that it gets, in a folder that is there. */
  readonly target: string;
  /** Bytes; a larger file does not come. */
  readonly largest: number;
}

export type FetchResult = { readonly ok: true; readonly found: boolean } | Failure;

export interface ListRequest extends UpstreamRequest {
  /** Below the upstream's root, with a slash at its end; empty for the root. */
  readonly folder: string;
  /** Names of files directly in it, which may hold `*` and `?`. */
  readonly patterns: readonly string[];
}

export interface ListedFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** To the second; milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** A hundred files at the most; none where there is no such folder. */
export type ListResult = { readonly ok: true; readonly files: readonly ListedFile[] } | Failure;

export interface PullRequest extends UpstreamRequest {
  readonly stage: Stage;
  readonly destination: string;
  /** File of paths, a NUL behind each, which alone are fetched; null is all. Then nothing is deleted. */
  readonly filesFrom: string | null;
  /** Those files are fetched whatever their size and time say, and some may be missing at upstream. */
  readonly again?: boolean;
  /** Files of the published tree, about as many as upstream has; null where that is not known. */
  readonly knownFiles: number | null;
  /** File that the itemised changes are appended to. */
  readonly changes: string;
  /** Readers see the destination while it is filled. */
  readonly inPlace: boolean;
  /** Where files are received that readers must not see. */
  readonly temporary: string;
  /** Nothing is brought or changed: the numbers tell what would be. Always false unless given. */
  readonly onlyCount?: boolean;
  /** Bytes a second that this pull may use; null is no limit. */
  readonly bandwidth: number | null;
  readonly onProgress: (progress: PullProgress) => void;
  /** Called when bytes were seen to move. */
  readonly onActivity: () => void;
}

export type PullProgress = Pick<RunProgress, 'files' | 'bytes' | 'rate' | 'percent' | 'toCheck' | 'known' | 'eta'>;

/** Numbers of one pull; bytes. */
export interface PullNumbers {
  readonly transferredFiles: number;
  readonly transferredBytes: number;
  readonly receivedBytes: number;
  readonly totalFiles: number;
  readonly totalBytes: number;
}

export type PullResult =
  | { readonly ok: true; readonly exitCode: number; readonly vanished: boolean; readonly numbers: PullNumbers }
  | (Failure & { readonly numbers: PullNumbers });

export interface Failure {
  readonly ok: false;
  readonly failure: FailureClass;
  /** One sentence, without secrets. */
  readonly message: string;
  readonly exitCode: number | null;
}

export interface FolderRequest extends Pick<UpstreamRequest, 'mirror' | 'signal' | 'env' | 'onLine'> {
  readonly stage: Stage;
  /** Absolute: a tree of empty folders, and an empty folder. */
  readonly from: string;
  readonly to: string;
}

/** A way to get trees from somewhere. Requests never throw for what an upstream does; that is a `Failure`. */
export interface TreeUpstream {
  probe(request: ProbeRequest): Promise<ProbeResult>;
  fetch(request: FetchRequest): Promise<FetchResult>;
  /** Copies those folders of a tree of this machine that the filters of the mirror and the stage let through. */
  copyFolders(request: FolderRequest): Promise<{ readonly ok: true } | Failure>;
  list(request: ListRequest): Promise<ListResult>;
  pull(request: PullRequest): Promise<PullResult>;
}
