import type { CertificateFiles, Settings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import { utcMinute } from '../../core/sentence.js';
import { Certificates } from '../../server/listening/certificates.js';
import type { CheckResult } from './check-result.js';

const CHECK = 'certificate';
const DAY_MS = 86_400_000;

/**
 * Whether each certificate of `listen.https` can be read with its key, belongs to it, and holds at `now` (milliseconds
 * since the epoch); until when it does is told.
 */
export async function checkCertificates({ listen }: Pick<Settings, 'listen'>, now: number): Promise<CheckResult[]> {
  const all = listen.https.flatMap(({ certificates }) => certificates);
  const once = new Map(all.map((files) => [JSON.stringify([files.cert, files.key]), files]));
  return Promise.all([...once.values()].map((files) => checkCertificate(files, now)));
}

async function checkCertificate(files: CertificateFiles, now: number): Promise<CheckResult> {
  try {
    const { leaf } = (await Certificates.read([files])).all[0];
    const [from, until] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
    const problem = (text: string, remedy: string): CheckResult => ({ check: CHECK, ok: false, text, remedy });
    if (until <= now)
      return problem(
        `"${files.cert}" has expired ${utcMinute(until)}`,
        'Have it renewed; what is new in these files is used within seconds.',
      );
    if (from > now)
      return problem(`"${files.cert}" holds from ${utcMinute(from)} on only`, 'Check the clock of this machine (NTP).');
    const days = Math.floor((until - now) / DAY_MS);
    const left = days === 1 ? '1 day' : `${days} days`;
    return { check: CHECK, ok: true, text: `"${files.cert}" holds until ${utcMinute(until)}, ${left}`, remedy: '' };
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error;
    const remedy =
      error.hint || 'Both files must be readable by the user that runs Millpond: run this check as that user.';
    return { check: CHECK, ok: false, text: error.message, remedy };
  }
}
