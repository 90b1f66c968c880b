import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, describe } from 'vitest';
import { Connections } from '../../../server/listening/connections.js';
import { HttpListeners } from '../../../server/listening/listeners.js';
import { addGeneration, makeMirror, openScene } from '../../server/scene.js';
import { MIRROR, writeSite, writeSiteFile } from './site-files.js';
import { httpContract, type RunningSite } from './suite.js';

const SILENT = { info: () => undefined, warn: () => undefined };

const DIFFERENCES = {
  '9110-13.1.3-b': 'after a rollback, an earlier file is another one',
  '9110-15.3.7-c': 'what the client has is told again, as nginx does: it is small, and some clients set the time by it',
};

interface Road {
  readonly quick?: boolean;
  /** Whether nothing is kept in memory. */
  readonly inPlace?: boolean;
}

async function startMillpond({ quick = false, inPlace = false }: Road): Promise<RunningSite> {
  const mirror = makeMirror(MIRROR, inPlace ? { publish: 'in-place' } : {});
  const scene = await openScene({ mirrors: [mirror], clock: () => Date.now() });
  const root = scene.layout.slot(MIRROR, 'a');
  const generation = addGeneration(scene, MIRROR);
  let published = 0;
  const publish = (): void =>
    scene.trees.set(MIRROR, { live: { generation: { ...generation, id: ++published }, root }, previous: null });
  writeSite(root);
  publish();
  let parsed = 0;
  const handler: RequestListener = (request, response) => {
    parsed++;
    scene.server.handler(request, response);
  };
  const listeners = new HttpListeners({
    ...{ handler, connections: new Connections(() => 100), isTrustedProxy: () => false, log: SILENT },
    ...(quick ? { quick: scene.server.quick } : {}),
  });
  const [url = ''] = await listeners.apply({
    http: [{ address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, mode: 0o660, proxyProtocol: false }],
    https: [],
  });
  return {
    port: Number(new URL(url).port),
    write(path, content, time) {
      writeSiteFile(root, path, content, time);
      publish();
      return Promise.resolve();
    },
    answeredQuickly: (asked) => asked - parsed,
    async stop() {
      await listeners.close(0);
      await scene.close();
    },
  };
}

describe('with the addon', () => {
  httpContract('the road before the parser', () => startMillpond({ quick: true }), {
    differs: DIFFERENCES,
    leastQuick: 0.3,
  });
  httpContract("Node's parser", () => startMillpond({}), { differs: DIFFERENCES });
  httpContract('a tree that is published in place', () => startMillpond({ quick: true, inPlace: true }), {
    differs: DIFFERENCES,
  });
});

describe('without the addon', () => {
  const before = process.env['MILLPOND_SENDFILE'];
  beforeAll(() => void (process.env['MILLPOND_SENDFILE'] = 'off'));
  afterAll(() => {
    if (before === undefined) delete process.env['MILLPOND_SENDFILE'];
    else process.env['MILLPOND_SENDFILE'] = before;
  });
  httpContract("Node's parser", () => startMillpond({}), { differs: DIFFERENCES });
});
