import { isTransient, parseTreePath, type RawName, type TreePath } from '../../core/tree-path.js';
import { splitTarget } from '../files/request-target.js';

/** What is made of a file for those who fetch it: `<file>.sha256` or `<file>?sha256`, and so on. */
export type DerivedForm = 'sha256' | 'meta4' | 'metalink' | 'torrent' | 'magnet';

/** Media types of the forms. */
export const FORM_TYPES: Readonly<Record<DerivedForm, string>> = {
  sha256: 'text/plain; charset=utf-8',
  meta4: 'application/metalink4+xml',
  metalink: 'application/metalink+xml; charset=utf-8',
  torrent: 'application/x-bittorrent',
  magnet: 'text/plain; charset=utf-8',
};

export const FORMS = Object.keys(FORM_TYPES) as readonly DerivedForm[];

/** What was asked for instead of the file itself: a form, or the page that tells of it. */
export interface DerivedTarget {
  readonly form: DerivedForm | 'info';
  /** Of the file, below the mirror. */
  readonly segments: readonly RawName[];
}

/** A request for a form by its query: not for the file itself. Undefined is any other request. */
export function formRequest(
  url: string,
  isMirror: (name: string) => boolean,
): { mirror: string; path: TreePath } | undefined {
  const mark = url.indexOf('?');
  if (mark < 0 || !formOfQuery(url.slice(mark))) return undefined;
  const parsed = parseTreePath(splitTarget(url)?.pathname ?? '');
  if ('problem' in parsed) return undefined;
  const [mirror, ...segments] = parsed.path.segments;
  const path = { ...parsed.path, segments };
  return mirror !== undefined && isMirror(mirror) && derivedTarget(path, url) ? { mirror, path } : undefined;
}

/** What a request for `path` (below its mirror) asks for, by its query or by the end of its name. */
export function derivedTarget(path: TreePath, url: string): DerivedTarget | undefined {
  if (path.folder || !path.tidy || path.segments.length === 0) return undefined;
  const form = formOfQuery(splitTarget(url)?.query ?? '');
  const target = form ? { form, segments: path.segments } : targetOfName(path.segments);
  // what the road of files hides is not told of here either
  return target?.segments.some(isTransient) ? undefined : target;
}

function targetOfName(segments: readonly RawName[]): DerivedTarget | undefined {
  const [, stem, suffix] = /^(.+)\.([a-z0-9]+)$/s.exec(segments.at(-1) ?? '') ?? [];
  const form = FORMS.find((each) => each === suffix);
  return form && stem !== undefined ? { form, segments: [...segments.slice(0, -1), stem] } : undefined;
}

/** `?sha256`, and `?sha256=` as some clients write it. */
function formOfQuery(query: string): DerivedTarget['form'] | undefined {
  const word = /^\?([a-z0-9]+)=?$/.exec(query)?.[1];
  return word === 'info' ? word : FORMS.find((form) => form === word);
}
