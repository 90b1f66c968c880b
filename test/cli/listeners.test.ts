import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { listenerParts } from '../../cli/listeners.js';
import type { Settings } from '../../config/settings.js';
import { NO_LIMITS } from '../../core/zone.js';
import type { Log } from '../../platform/log.js';
import { HttpListeners } from '../../server/listening/listeners.js';
import { testSettings } from '../fixtures/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { listen } from '../server/listening/scene.js';

/** Addresses of loopback that are in the zones of these names. */
const PUBLIC = '127.0.0.1';
const CAMPUS = '127.0.0.2';
const PLACES = 40;
/** Of 40 places, the 8 last are kept free of `public`. */
const FOR_PUBLIC = 32;

const SILENT = { info: () => undefined, warn: () => undefined } as unknown as Log;

/** Listens for at most 40 connections as the program does. What is asked is answered when `answer` is called. */
async function startBusy(more: { hasZones?: boolean; proxyProtocol?: boolean } = {}) {
  const answers: ServerResponse[] = [];
  const handler: RequestListener = (_request, response) => {
    response.write('begun');
    answers.push(response);
  };
  const base = testSettings(await tempFolder(), []);
  const campus = { name: 'campus', networks: [`${CAMPUS}/32`], limits: NO_LIMITS };
  const settings: Settings = {
    ...base,
    listen: { ...base.listen, connections: PLACES },
    zones: new Map(more.hasZones === false ? [] : [['campus', campus]]),
    proxies: { trusted: more.proxyProtocol === true ? ['127.0.0.3/32'] : [], header: 'x-forwarded-for' },
  };
  const listeners = new HttpListeners(listenerParts({ handler, quick: () => undefined }, () => settings, SILENT));
  onTestFinished(() => listeners.close(0));
  const port = await listen(listeners, { proxyProtocol: more.proxyProtocol ?? false });
  return { port, answers };
}

/** Connects from `address` and asks; false where the connection is closed without an answer. */
async function download(port: number, address: string, before = ''): Promise<{ socket: Socket; isServed: boolean }> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(`${before}GET / HTTP/1.1\r\nHost: pond\r\n\r\n`);
  const isServed = await Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]);
  return { socket, isServed };
}

async function served(port: number, address: string, times: number, before = ''): Promise<number> {
  let count = 0;
  for (let time = 0; time < times; time++) if ((await download(port, address, before)).isServed) count++;
  return count;
}

test('downloads of the zone public take all places but the last ones, and the campus gets in at once', async () => {
  const { port } = await startBusy();
  expect(await served(port, PUBLIC, PLACES)).toBe(FOR_PUBLIC);
  expect(await served(port, CAMPUS, PLACES)).toBe(PLACES - FOR_PUBLIC);
});

test('what the campus uses stays kept free of the zone public', async () => {
  const { port } = await startBusy();
  expect(await served(port, CAMPUS, 20)).toBe(20);
  expect(await served(port, PUBLIC, PLACES)).toBe(FOR_PUBLIC - 20);
  expect(await served(port, CAMPUS, PLACES)).toBe(PLACES - FOR_PUBLIC);
});

test('idle connections of the zone public are closed for the campus, and those of the campus never for the public', async () => {
  const { port, answers } = await startBusy();
  const ofCampus = await Promise.all(Array.from({ length: 10 }, () => download(port, CAMPUS)));
  const ofPublic = await Promise.all(Array.from({ length: FOR_PUBLIC - 10 }, () => download(port, PUBLIC)));
  for (const answer of answers.splice(0)) answer.end();
  for (const { socket } of [...ofCampus, ...ofPublic]) socket.resume();
  expect(await served(port, PUBLIC, PLACES)).toBe(FOR_PUBLIC - 10);
  expect(ofCampus.map(({ socket }) => socket.readable)).toEqual(ofCampus.map(() => true));
  expect(ofPublic.map(({ socket }) => socket.readable)).toEqual(ofPublic.map(() => false));
});

test('the PROXY protocol tells whose a connection is', async () => {
  const { port } = await startBusy({ proxyProtocol: true });
  const from = (address: string): string => `PROXY TCP4 ${address} 127.0.0.1 1000 80\r\n`;
  expect(await served(port, '127.0.0.3', PLACES, from('198.51.100.1'))).toBe(FOR_PUBLIC);
  expect(await served(port, '127.0.0.3', PLACES, from(CAMPUS))).toBe(PLACES - FOR_PUBLIC);
});

test('nothing is kept free where there are no other zones', async () => {
  const { port } = await startBusy({ hasZones: false });
  expect(await served(port, PUBLIC, PLACES + 5)).toBe(PLACES);
});
