import { execFile } from 'node:child_process';
import type { RequestListener } from 'node:http';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import type { CertificateFiles, HttpListen, HttpsListen } from '../../../config/settings.js';
import type { PassedSocket } from '../../../platform/systemd-sockets.js';
import { Connections } from '../../../server/listening/connections.js';
import type { ListenerParts } from '../../../server/listening/listener.js';
import { HttpListeners } from '../../../server/listening/listeners.js';

export const answerPond: RequestListener = (_request, response) => void response.end('pond');

export interface ListeningScene {
  readonly listeners: HttpListeners;
  /** Sentences of the log. */
  readonly logged: string[];
}

/** Listeners that end with the test. */
export function listenersWith(
  handler: RequestListener = answerPond,
  options: Partial<Omit<ListenerParts, 'handler' | 'log'>> & { passed?: readonly PassedSocket[] } = {},
): ListeningScene {
  const logged: string[] = [];
  const note = (_fields: unknown, sentence: string): void => void logged.push(sentence);
  const { passed = [], ...parts } = options;
  const listeners = new HttpListeners(
    {
      handler,
      connections: new Connections(() => 10_000),
      isTrustedProxy: () => true,
      log: { info: note, warn: note } as ListenerParts['log'],
      ...parts,
    },
    passed,
  );
  onTestFinished(() => listeners.close(0));
  return { listeners, logged };
}

export function tcp(host: string, port: number, more: Partial<HttpListen> = {}): HttpListen {
  return { address: { kind: 'tcp', host, port }, mode: 0o660, proxyProtocol: false, ...more };
}

export function unix(path: string, more: Partial<HttpListen> = {}): HttpListen {
  return { address: { kind: 'unix', path }, mode: 0o660, proxyProtocol: false, ...more };
}

export function secure(
  place: HttpListen,
  certificates: readonly CertificateFiles[],
  hsts: number | null = null,
): HttpsListen {
  return { ...place, certificates, hsts };
}

/** Listens on a free port of 127.0.0.1 alone and returns the port. */
export async function listen(listeners: HttpListeners, more: Partial<HttpListen> = {}): Promise<number> {
  const [url = ''] = await listeners.apply({ http: [tcp('127.0.0.1', 0, more)], https: [] });
  return Number(new URL(url).port);
}

export interface CurlEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real curl. */
export function curl(...args: string[]): Promise<CurlEnd> {
  return promisify(execFile)('curl', ['--silent', '--show-error', '--max-time', '20', ...args]).then(
    (said) => ({ code: 0, ...said }),
    (error: unknown) => error as CurlEnd,
  );
}
