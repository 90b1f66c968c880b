import type { Request, Response } from 'express';
import type { Problem } from './errors.js';
import type { KeptAnswer, KeptAnswers, Lasting } from './kept-answers.js';

/** A page and what programs get of the same facts. */
export interface Page {
  html(): string;
  json(): unknown;
  text?(): string;
  /** Whether it tells of whoever asks: then nobody keeps it, and no page of others may read it. */
  readonly isPersonal?: boolean;
  /** Whether it holds the name by which this client calls the server: then no cache may give it to others. */
  readonly namesClientsHost?: boolean;
  /** Where its forms are kept, what it is called there, and what it is made of; not given of a page that is made each time. */
  readonly kept?: {
    readonly answers: KeptAnswers;
    readonly key: string;
    readonly version: string;
    readonly lasting?: Lasting;
  };
}

/** A twin that was asked for by the end of the address. */
export type Twin = 'json' | 'txt';

/** Short enough to be true, long enough to carry a rush (RFC 5861 for the second part). */
const STATUS_CACHE = 'max-age=15, stale-while-revalidate=60';

/** Answers with a page or with the same facts as JSON or text, by `twin`, else by `Accept` (RFC 9110 section 12.5.1). */
export function sendPage(req: Request, res: Response, page: Page, twin: Twin | null = null): void {
  res.set('Cache-Control', page.isPersonal || page.namesClientsHost ? 'no-store' : STATUS_CACHE);
  if (twin === null) res.vary('Accept');
  const format = twin ?? wantedTwin(req, page);
  if (format === 'json' && !page.isPersonal) res.set('Access-Control-Allow-Origin', '*');
  const [type, make] = formOf(page, format);
  res.type(type);
  if (!page.kept) res.send(make());
  else {
    const { answers, key, version, lasting } = page.kept;
    sendKept(res, answers.get(`${key} ${type}`, version, make, lasting));
  }
}

/**
 * Answers a program from memory. Anybody's page may read it: it is public, and only read. Where `namesClientsHost`, it
 * holds the name by which this client calls the server, and no cache may give it to others.
 */
export function sendKeptData(
  res: Response,
  answer: KeptAnswer,
  { type = 'json', namesClientsHost = false }: { type?: string; namesClientsHost?: boolean } = {},
): void {
  const rule = namesClientsHost ? 'no-store' : STATUS_CACHE;
  res.set({ 'Cache-Control': rule, 'Access-Control-Allow-Origin': '*' }).type(type);
  sendKept(res, answer);
}

/** Express answers 304 where the client has it. */
function sendKept(res: Response, { body, etag }: KeptAnswer): void {
  res.set('ETag', etag).send(body);
}

function formOf(page: Page, format: Twin | null): readonly [type: string, make: () => string] {
  if (format === 'json') return ['json', () => JSON.stringify(page.json())];
  if (format === 'txt' && page.text) return ['text/plain; charset=utf-8', () => page.text?.() ?? ''];
  return ['html', () => page.html()];
}

/** Answers a program. Anybody's page may read it: it is public, and only read. */
export function sendData(res: Response, data: unknown): void {
  res.set({ 'Cache-Control': STATUS_CACHE, 'Access-Control-Allow-Origin': '*' }).json(data);
}

const ASKS_FOR_HTML = /text\/html|application\/xhtml\+xml/i;
const ASKS_FOR_JSON = /json/i;

/** Whether a refusal is told as text: to curl, apt and the like. */
export function isToldAsText(accept: string | undefined): boolean {
  return accept === undefined || !(ASKS_FOR_HTML.test(accept) || ASKS_FOR_JSON.test(accept));
}

/** The form in which a refusal is told, by `Accept`. */
export function wantedForm(accept: string | undefined): 'html' | 'json' | 'text' {
  if (isToldAsText(accept)) return 'text';
  return ASKS_FOR_HTML.test(accept ?? '') ? 'html' : 'json';
}

export function problemText({ detail, hint }: Problem): string {
  return `${detail}${hint ? `\n${hint}` : ''}\n`;
}

/** `page` for browsers, `application/problem+json` (RFC 9457) for programs, text for curl and the like. */
export function sendProblem(req: Request, res: Response, problem: Problem, page: (() => string) | null): void {
  res.status(problem.status).vary('Accept').set('Cache-Control', 'no-store');
  const accept = req.get('Accept') ?? '';
  if (page && ASKS_FOR_HTML.test(accept)) res.type('html').send(page());
  else if (page === null || ASKS_FOR_JSON.test(accept)) sendProblemJson(res, problem);
  else res.type('text').send(problemText(problem));
}

export function sendProblemJson(res: Response, problem: Problem): void {
  res.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** Without a preference, curl's for one, the page. */
function wantedTwin(req: Request, page: Page): Twin | null {
  const wanted = req.accepts(page.text ? ['html', 'json', 'text'] : ['html', 'json']);
  if (wanted === 'json') return 'json';
  return wanted === 'text' ? 'txt' : null;
}
