/** One source of packages in a list of apt (sources.list(5)), as the templates of presets write them. */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Form of a list: stanzas, or a line for each source. */
export type AptForm = 'deb822' | 'apt';

const ONE_LINE = /^(deb(?:-src)?(?:\s+\[[^\]]*\])?\s+)(\S+)\s+(\S+)((?:\s+\S+)*)\s*$/;
const STANZAS = /\n{2,}/;

export function isAptForm(lang: string): lang is AptForm {
  return lang === 'deb822' || lang === 'apt';
}

/** The sources of a list, in its order. A source on one line has one suite. */
export function aptSources(form: AptForm, text: string): AptSource[] {
  return partsOf(form, text).flatMap((part) => sourceOf(form, part) ?? []);
}

/**
 * The list without the suites for which `keep` says no, and without sources that have none left. Comments and what is
 * no source stay.
 */
export function withSuites(form: AptForm, text: string, keep: (source: AptSource, suite: string) => boolean): string {
  const parts = partsOf(form, text).flatMap((part) => {
    const source = sourceOf(form, part);
    if (!source) return [part];
    const kept = source.suites.filter((suite) => keep(source, suite));
    if (kept.length === 0) return [];
    return [form === 'apt' ? part : part.replace(/^Suites:.*$/m, `Suites: ${kept.join(' ')}`)];
  });
  return form === 'apt' ? parts.join('\n') : `${parts.join('\n\n').trimEnd()}\n`;
}

/** The files with keys that a list names, as it names them. */
export function keyringsIn(text: string): string[] {
  return [...text.matchAll(/(?:^Signed-By:\s*|\bsigned-by=)([^\s\]]+)/gim)].flatMap(([, path]) => path ?? []);
}

function partsOf(form: AptForm, text: string): string[] {
  return form === 'apt' ? text.split('\n') : text.split(STANZAS);
}

function sourceOf(form: AptForm, part: string): AptSource | undefined {
  if (form === 'deb822') {
    const field = (name: string): string[] => wordsOf(new RegExp(`^${name}:(.*)$`, 'm').exec(part)?.[1]);
    const [uri] = field('URIs');
    return uri === undefined ? undefined : { uri, suites: field('Suites'), components: field('Components') };
  }
  const [, , uri, suite, components] = ONE_LINE.exec(part) ?? [];
  return uri === undefined || suite === undefined
    ? undefined
    : { uri, suites: [suite], components: wordsOf(components) };
}

function wordsOf(text: string | undefined): string[] {
  return text?.split(/\s+/).filter(Boolean) ?? [];
}
