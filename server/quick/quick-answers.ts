import { absenceAnswer } from '../absence-answer.js';
import type { FileHandler } from '../files/handler.js';
import type { KnownAnswer } from '../files/short-answer.js';
import type { Admission } from '../limits/admission.js';
import type { Log } from '../../platform/log.js';
import type { HttpAnswers } from '../statistics/http-answers.js';
import type { PlainRequest } from './plain-request.js';
import type { QuickAnswers } from './quick-road.js';

export interface QuickParts {
  readonly files: FileHandler;
  readonly admission: Admission;
  readonly answers: HttpAnswers;
  readonly log: Pick<Log, 'error'>;
}

/** What is in memory of published trees, for clients that may have it now. */
export function createQuickAnswers(parts: QuickParts): QuickAnswers {
  return (request) => {
    try {
      const found = knownAnswer(parts, request);
      return found && parts.admission.admitNow(request, found.body?.length ?? 0) ? found : undefined;
    } catch (error) {
      parts.log.error({ err: error }, 'a file could not be served from memory');
      return undefined;
    }
  };
}

function knownAnswer({ files, answers }: QuickParts, request: PlainRequest): KnownAnswer | undefined {
  const known = files.known(request);
  if (!known || 'head' in known) return known;
  if (known.handled) return undefined;
  const answer = absenceAnswer(request, known);
  if (!answer) return undefined;
  const { head, body } = answer;
  return { head, body, told: ({ status, bytes }) => answers.answered(request, status, bytes, known.mirror) };
}
