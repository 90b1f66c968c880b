/** What one look at the configuration, the machine or an upstream has shown. */
export interface CheckResult {
  /** What was looked at: `rsync`, `disk space`, the name of a mirror ... */
  readonly check: string;
  readonly ok: boolean;
  /** One sentence of what was seen, without secrets. */
  readonly text: string;
  /** What to do about a problem; empty when there is none. */
  readonly remedy: string;
}
