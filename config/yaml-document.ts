import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  YAMLParseError,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from 'yaml';
import { messageOf } from '../core/errors.js';
import { quote } from './fields.js';

export interface YamlDocument {
  /** Plain data; an empty value counts as not given and is `undefined`. */
  readonly value: unknown;
  /** Line (from 1) of what stands at `path`, or of the nearest thing around it. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/** References to anchors, counted with those inside what they refer to: enough to share settings among mirrors. */
const MOST_ALIASES = 1000;
/** Problems with the syntax that are told; one mistake brings many. */
const MOST_PROBLEMS = 10;
const TOO_DEEP = 'it is nested too deeply';

/** Reads one YAML 1.2 document, or says what is wrong with it: one sentence a problem, with line and column. */
export function readYaml(text: string): YamlDocument | { readonly problems: string[] } {
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      ...{ lineCounter: lines, prettyErrors: false, logLevel: 'error' },
      ...{ stringKeys: true, merge: true },
    });
    const faults = [...document.errors, ...document.warnings, ...forbiddenKeys(document)];
    if (faults.some(({ message }) => /call stack/i.test(message))) return { problems: [TOO_DEEP] };
    if (faults.length > 0)
      return { problems: faults.slice(0, MOST_PROBLEMS).map((each) => syntaxSentence(each, text, lines)) };
    const value = withoutNulls(document.toJS({ maxAliasCount: MOST_ALIASES }));
    return { value, lineOf: (path) => lineAt(document, path, lines) };
  } catch (error) {
    return { problems: [structureSentence(error)] };
  }
}

/** `__proto__` as a key means something else to JavaScript, and would be lost without a word. */
function forbiddenKeys(document: Document.Parsed): YAMLError[] {
  const found: YAMLError[] = [];
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key) || key.value !== '__proto__') return;
      const start = startOf(key) ?? 0;
      found.push(new YAMLParseError([start, start + 1], 'BAD_SCALAR_START', 'the key "__proto__" is not allowed'));
    },
  });
  return found;
}

function syntaxSentence(error: YAMLError, text: string, lines: LineCounter): string {
  const { line, col } = lines.linePos(error.pos[0]);
  const place = `line ${line}, column ${col}`;
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^(?:"([^"\n]*)"|'([^'\n]*)'|([^:\n]*))/.exec(text.slice(error.pos[0]));
    return `${place}: the key ${quote((key?.[1] ?? key?.[2] ?? key?.[3] ?? '').trim())} is given twice`;
  }
  if (error.code === 'MULTIPLE_DOCS') return `${place}: a second document begins; a configuration is one`;
  return `${place}: ${messageOf(error).slice(0, 200)}`;
}

function structureSentence(error: unknown): string {
  if (error instanceof RangeError) return TOO_DEEP;
  if (!(error instanceof ReferenceError)) throw error;
  if (/excessive/i.test(error.message)) return `it refers to anchors more than ${MOST_ALIASES} times`;
  return messageOf(error).slice(0, 200);
}

function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined;
  // an empty place in a list is a mistake, and stays one
  if (Array.isArray(value)) return value.map((each: unknown) => (each === null ? null : withoutNulls(each)));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutNulls(each)]));
}

function lineAt(document: Document.Parsed, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  let node: unknown = document.contents;
  let offset = startOf(document.contents);
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isSeq(node)) {
      node = node.items[Number(segment)];
      offset = startOf(node) ?? offset;
    } else if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(({ key }) => isScalar(key) && key.value === segment);
      if (!pair) break;
      node = pair.value;
      offset = startOf(pair.key) ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
