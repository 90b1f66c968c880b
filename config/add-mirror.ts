import { isDeepStrictEqual } from 'node:util';
import { Document, isMap, isNode, isScalar, parseDocument, visit, YAMLMap } from 'yaml';
import { MillpondError } from '../core/errors.js';
import { quote } from './fields.js';

type Entry = Readonly<Record<string, unknown>>;

const READING = { stringKeys: true, merge: true } as const;
const WRITING = { lineWidth: 0, flowCollectionPadding: true } as const;

/**
 * The text of a configuration with one more mirror after all others; every other line stays as it is. Only where there
 * is no section of mirrors yet, or one in braces, the text is written anew: with its comments, but in one form of blanks.
 * @throws MillpondError `conflict` when there is a mirror of that name, `invalid` when the text is no configuration
 */
export function withMirror(text: string, name: string, entry: Entry): string {
  const document = parseDocument(text, READING);
  const mirrors: unknown = document.get('mirrors', true);
  const isEmpty = mirrors === undefined || (isScalar(mirrors) && mirrors.value === null);
  if (document.errors.length > 0 || !(isEmpty || isMap(mirrors)))
    throw new MillpondError('invalid', 'the configuration cannot be read as it is', {
      hint: 'Nothing was changed. millpond check tells what is wrong in it.',
    });
  if (document.hasIn(['mirrors', name]))
    throw new MillpondError('conflict', `there is a mirror ${quote(name)} already`, {
      hint: 'Nothing was changed. Choose another name with --name, or edit its entry.',
    });
  const longer = isMap(mirrors) ? withLines(text, mirrors, entryText(name, entry)) : null;
  const section = isMap(mirrors) ? mirrors : new YAMLMap(document.schema);
  section.flow = false;
  section.set(document.createNode(name), entryNode(document, entry));
  if (isEmpty) document.set('mirrors', section);
  // whether the lines are at the right place is seen by what they mean
  if (longer !== null && isDeepStrictEqual(parseDocument(longer, READING).toJS(), document.toJS())) return longer;
  return document.toString(WRITING);
}

/** `text` with `lines` after the last entry of a section, or null where that has no end to be found. */
function withLines(text: string, section: YAMLMap, lines: string): string | null {
  const first = section.items[0]?.key;
  const last = section.items.at(-1)?.value;
  const start = isNode(first) ? first.range?.[0] : undefined;
  const end = isNode(last) ? last.range?.[1] : undefined;
  if (section.flow === true || start === undefined || end === undefined) return null;
  const lineEnd = text.indexOf('\n', Math.max(0, end - 1));
  const column = start - (text.lastIndexOf('\n', start - 1) + 1);
  const at = lineEnd < 0 ? text.length : afterItsComments(text, lineEnd + 1, column);
  const indent = ' '.repeat(column);
  const indented = lines.replace(/^(?=.)/gm, indent);
  const before = text.slice(0, at);
  return `${before}${before.endsWith('\n') ? '' : '\n'}${indented}${text.slice(at)}`;
}

/** Comments behind an entry that stand further right than its name, at `column`, are about it. */
function afterItsComments(text: string, from: number, column: number): number {
  let end = from;
  for (let at = from; at < text.length;) {
    const lineEnd = text.indexOf('\n', at);
    const next = lineEnd < 0 ? text.length : lineEnd + 1;
    const [, blanks = '', rest = ''] = /^([ \t]*)(.?)/.exec(text.slice(at, next)) ?? [];
    if (rest === '#' && blanks.length > column) end = next;
    else if (rest !== '' && rest !== '\r') break;
    at = next;
  }
  return end;
}

function entryText(name: string, entry: Entry): string {
  const document = new Document({});
  document.set(name, entryNode(document, entry));
  return document.toString(WRITING);
}

/** Lists and sections of an entry are short: one line each. */
function entryNode(document: Document, entry: Entry): unknown {
  const node = document.createNode(entry);
  visit(node, {
    Collection(_, found) {
      if (found !== node) found.flow = true;
    },
  });
  return node;
}
