import { request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { PEER_FIELD, peerField, type PassedOn } from './peer-field.js';

export type PassOn = (request: IncomingMessage, response: ServerResponse, known: PassedOn) => void;

/** Of one connection only (RFC 9110 section 7.6.1); a body that comes in chunks goes on in chunks. */
const OF_THE_CONNECTION = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'http2-settings'],
  ...['expect', PEER_FIELD], // the client was told to go on
]);
const OF_THE_ANSWER = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'trailer']);

/**
 * What a worker does with a request that is none for a file: the main process answers it, through the Unix socket `path`.
 * Bodies flow both ways as fast as they are taken; when one end breaks, so does the other.
 */
export function passOnTo(path: string, log: { warn(details: object, message: string): void }): PassOn {
  return (request, response, known) => {
    const { method, url, rawHeaders } = request;
    // one connection a request: to the main process it is that of the client; kept open, an early answer is not lost
    const own = ['Connection', 'keep-alive', PEER_FIELD, peerField(request, known)];
    const headers = [...without(rawHeaders, OF_THE_CONNECTION), ...own];
    const asked = send({ socketPath: path, method, path: url, headers, agent: false, setHost: false });
    let answer: IncomingMessage | undefined;
    asked.once('response', (came) => {
      answer = came;
      // so whoever is refused for want of connections keeps none
      if (came.headers.connection === 'close') response.shouldKeepAlive = false;
      response.statusCode = came.statusCode ?? 502;
      response.statusMessage = came.statusMessage ?? '';
      addFields(response, without(came.rawHeaders, OF_THE_ANSWER));
      response.flushHeaders();
      pipeline(came, response, (error) => {
        if (error) response.destroy();
        asked.destroy();
      });
    });
    asked.on('error', (error) => {
      if (answer?.complete || response.destroyed) return;
      log.warn({ err: error }, 'a request could not be passed on to the main process');
      fail(response);
    });
    response.once('close', () => {
      request.unpipe(asked).resume(); // what was sent on after the answer
      asked.destroy();
    });
    request.pipe(asked);
  };
}

/** `fields` are name, value, name, value. */
function without(fields: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [name = '', value = ''] = fields.slice(index, index + 2);
    if (!names.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

/** To those that it has; `writeHead` would then keep only the last of each name. */
function addFields(response: ServerResponse, fields: readonly string[]): void {
  for (let index = 0; index + 1 < fields.length; index += 2)
    response.appendHeader(fields[index] ?? '', fields[index + 1] ?? '');
}

function fail(response: ServerResponse): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(503, {
    ...{ 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', 'Retry-After': '1' },
    Connection: 'close', // its body may not have been read
  });
  response.end('The main process of this server does not answer. Please try again.\n');
}
