import { SaxesParser } from 'saxes';
import { IndexFault } from './index-fault.js';

/** What is told of XML while it is read; names are as they are written, the outermost element has depth 1. */
export interface XmlHandler<T> {
  open(name: string, depth: number, attributes: Readonly<Record<string, string>>): void;
  /** `text` is what stood in it after the last of its own elements. */
  close(name: string, depth: number, text: string): void;
  /** What was found since it was last asked for. */
  take(): T[];
}

const DEEPEST = 64;
/** Characters from one tag to the end of the next; the changelogs of packages have under 100,000. */
const LONGEST = 4 * 1024 * 1024;

/**
 * What the handler finds in XML of unknown origin, which is read in pieces with bounded memory. No entity but the five of
 * XML is known. @throws IndexFault when it is not well-formed, and what the handler throws
 */
export async function* readXml<T>(chunks: AsyncIterable<Buffer>, handler: XmlHandler<T>): AsyncGenerator<T[]> {
  const parser = new SaxesParser();
  const decoder = new TextDecoder('utf-8');
  let depth = 0;
  let text = '';
  let waiting = 0;
  parser.on('text', (piece) => (text += piece));
  parser.on('cdata', (piece) => (text += piece));
  parser.on('opentag', ({ name, attributes }) => {
    depth += 1;
    if (depth > DEEPEST) throw new IndexFault(`holds elements that are nested more than ${DEEPEST} deep`, []);
    text = '';
    waiting = 0;
    handler.open(name, depth, attributes);
  });
  parser.on('closetag', ({ name }) => {
    handler.close(name, depth, text);
    depth -= 1;
    text = '';
    waiting = 0;
  });
  const write = (piece: string): void => {
    waiting += piece.length;
    parse(() => parser.write(piece));
    if (waiting > LONGEST) throw new IndexFault(`holds an element of over ${LONGEST} characters`, []);
  };
  for await (const chunk of chunks) {
    write(decoder.decode(chunk, { stream: true }));
    yield handler.take();
  }
  write(decoder.decode());
  parse(() => parser.close());
  yield handler.take();
}

/** The parser throws at the first fault, and what its handlers throw. */
function parse(step: () => unknown): void {
  try {
    step();
  } catch (error) {
    if (error instanceof IndexFault || !(error instanceof Error)) throw error;
    throw new IndexFault(`is not well-formed XML (${JSON.stringify(error.message.slice(0, 200))})`, []);
  }
}
