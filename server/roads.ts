import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { absenceAnswer } from './absence-answer.js';
import { digestHeaders } from './derived/digest-headers.js';
import { formRequest } from './derived/forms.js';
import { problemOf, type Problem } from './errors.js';
import { createFileHandler, type FileHandler, type FileResult, type Miss } from './files/handler.js';
import { sendReady, type ReadyAnswer, type Sent } from './files/short-answer.js';
import type { Admission } from './limits/admission.js';
import { isRegistryTarget } from './oci/registry.js';
import { helpPath } from './help/help.js';
import { createListingRenderer } from './pages/listing-page.js';
import { frameFor } from './pages/routes.js';
import { createQuickAnswers } from './quick/quick-answers.js';
import type { QuickAnswers } from './quick/quick-road.js';
import type { FileDeps, ServerDeps } from './server-deps.js';
import type { HttpAnswers } from './statistics/http-answers.js';

/** Answers a request; it resolves when that has been done, and is undefined where there is nothing to wait for. */
export type Answer = (req: IncomingMessage, res: ServerResponse) => Promise<void> | undefined;

/** Who answers what is none for a published tree. */
export interface OtherRoads {
  readonly images: Answer;
  page(req: IncomingMessage, res: ServerResponse, miss: Miss): void;
}

export interface Roads {
  readonly answer: Answer;
  readonly quick: QuickAnswers;
}

export interface RoadParts {
  readonly answers: HttpAnswers;
  readonly admission: Admission;
}

/** Answers requests for published trees, and counts these; finds out who answers a request. */
export function createRoads(deps: FileDeps, { answers, admission }: RoadParts, others: OtherRoads): Roads {
  const files = fileHandlerFor(deps, answers);

  /** Nothing to wait for where the answer to a file is in memory. */
  function answer(req: IncomingMessage, res: ServerResponse): Promise<void> | undefined {
    if (isRegistryTarget(req.url)) return others.images(req, res);
    const result = fileFormAsked(deps, req) ?? files.serve(req, res);
    if (result instanceof Promise) return answerLater(req, res, result);
    return answerMiss(req, res, result);
  }

  async function answerLater(req: IncomingMessage, res: ServerResponse, result: Promise<FileResult>): Promise<void> {
    answers.begin(req, res, null);
    try {
      await answerMiss(req, res, await result);
    } catch (error) {
      answers.watch(req, res); // what is told of the failure counts as well
      throw error;
    } finally {
      answers.end(req);
    }
  }

  function answerMiss(req: IncomingMessage, res: ServerResponse, result: FileResult): Promise<void> | undefined {
    if (result.handled) return undefined;
    const absence = absenceAnswer(req, result);
    if (absence) return sendAbsence(req, res, { absence, mirror: result.mirror });
    others.page(req, res, result);
    return undefined;
  }

  /** Counts what has left of it: its client may go before that. */
  function sendAbsence(
    req: IncomingMessage,
    res: ServerResponse,
    { absence, mirror }: { absence: ReadyAnswer; mirror: string | undefined },
  ): Promise<void> | undefined {
    const count = ({ status, bytes }: Sent): void => answers.answered(req, status, bytes, mirror);
    const sent = sendReady(res, absence);
    if (!(sent instanceof Promise)) {
      count(sent);
      return undefined;
    }
    answers.begin(req, res, null);
    return sent.then(count);
  }

  const quick = createQuickAnswers({ files, admission, answers, log: deps.log });
  return { answer, quick };
}

/** For `http.createServer`. */
export function handlerOf(deps: Pick<ServerDeps, 'log'>, answer: Answer): RequestListener {
  function fail(res: ServerResponse, error: unknown): void {
    deps.log.error({ err: error }, 'a file could not be served');
    failPlainly(res);
  }
  return (req, res) => {
    try {
      answer(req, res)?.catch((error: unknown) => fail(res, error));
    } catch (error) {
      fail(res, error);
    }
  };
}

function helpOf({ settings }: FileDeps, name: string): string | null {
  const mirror = settings().mirrors.get(name);
  return mirror ? helpPath(mirror) : null;
}

function fileHandlerFor(deps: FileDeps, answers: HttpAnswers): FileHandler {
  return createFileHandler({
    trees: deps.trees,
    isMirror: (name) => deps.settings().mirrors.has(name),
    isInPlace: (name) => deps.settings().mirrors.get(name)?.publish === 'in-place',
    renderListing: createListingRenderer(
      (title) => frameFor(deps, { title, section: 'none' }),
      (name) => helpOf(deps, name),
      () => deps.settings(),
    ),
    onServed: (event) => answers.served(event),
    extraHeaders: {
      of: (mirror, segments, stats) =>
        digestHeaders(deps.hashes, { mirror, segments, stats }, deps.settings().mirrors.get(mirror)?.sources ?? []),
      onChange: (listener) => deps.hashes.onKnown(listener),
    },
    clock: () => deps.clock(),
  });
}

/** A form of a file, asked for by query, is none of the road of files. */
function fileFormAsked(deps: Pick<ServerDeps, 'settings'>, { url = '', method }: IncomingMessage): Miss | undefined {
  if (!url.includes('?') || (method !== 'GET' && method !== 'HEAD')) return undefined;
  const asked = formRequest(url, (name) => deps.settings().mirrors.has(name));
  return asked && { handled: false, status: 404, ...asked };
}

/** In one line of text. */
export function failPlainly(res: ServerResponse): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { status, detail }: Problem = problemOf(undefined);
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  res.end(`${detail}\n`);
}
