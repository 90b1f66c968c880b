import { connect, type Socket } from 'node:net';
import request from 'supertest';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { EngineEvent } from '../../core/engine.js';
import { addRun, makeMirror, openScene, type Scene } from './scene.js';

const MIRRORS = [makeMirror('debian'), makeMirror('fedora')];
const LIMITS = { clients: 2, backlog: 256 * 1024, heartbeat: 15 };

function progress(mirror: string, percent: number): EngineEvent {
  const numbers = {
    stageIndex: 1,
    stageCount: 1,
    pass: 1,
    files: 1,
    bytes: 1,
    rate: 1,
    toCheck: 1,
    known: 1,
    eta: null,
  };
  return { type: 'run.progress', mirror, runId: 1, progress: { stage: 'all', percent, ...numbers } };
}

/** Follows events over a real socket; `until` resolves when the text has come. */
function follow(scene: Scene, path: string): { socket: Socket; until(text: string): Promise<string> } {
  const socket = connect(Number(new URL(scene.url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const until = async (text: string): Promise<string> => {
    while (!received.includes(text)) await new Promise((resolve) => socket.once('data', resolve));
    return received;
  };
  return { socket, until };
}

describe('/api/v1/events', () => {
  let scene: Scene;
  afterEach(() => scene.close());

  it('tells what the engine does, as it happens', async () => {
    scene = await openScene({ mirrors: MIRRORS });
    const client = follow(scene, '/api/v1/events');
    const head = await client.until('retry: 5000');
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(head).toMatch(/content-type: text\/event-stream/i);
    scene.engine.tell(progress('debian', 41));
    const body = await client.until('"percent":41');
    expect(body).toContain('event: run.progress\ndata: {"type":"run.progress","mirror":"debian"');
  });

  it('tells a client of one mirror nothing of the others', async () => {
    scene = await openScene({ mirrors: MIRRORS });
    const client = follow(scene, '/api/v1/events?mirror=debian');
    await client.until('retry: 5000');
    scene.engine.tell(progress('fedora', 1));
    scene.engine.tell(progress('debian', 2));
    expect(await client.until('"percent":2')).not.toContain('fedora');
  });

  it('scrubs runs', async () => {
    scene = await openScene({ mirrors: MIRRORS });
    const client = follow(scene, '/api/v1/events');
    await client.until('retry: 5000');
    const run = { ...addRun(scene, 'debian'), message: `no space in ${scene.folder}`, upstream: 'rsync://me@host/x' };
    scene.engine.tell({ type: 'run.ended', mirror: 'debian', run });
    const text = await client.until('run.ended');
    expect(text).toContain('no space in (data)');
    expect(text).not.toContain('me@');
  });

  it('sends a comment now and then, so that idle connections stay open', async () => {
    scene = await openScene({ mirrors: MIRRORS, events: { ...LIMITS, heartbeat: 0.02 } });
    await follow(scene, '/api/v1/events').until(': still here');
  });

  it('refuses clients over the limit, and takes them again when others have gone', async () => {
    scene = await openScene({ mirrors: MIRRORS, events: LIMITS });
    const [first, second] = [follow(scene, '/api/v1/events'), follow(scene, '/api/v1/events')];
    await Promise.all([first.until('retry: 5000'), second.until('retry: 5000')]);
    const refused = await request(scene.http).get('/api/v1/events');
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('30');
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    first.socket.destroy();
    await expect.poll(() => taken(scene)).toBe(1);
    await follow(scene, '/api/v1/events').until('retry: 5000');
  });

  it('drops a client that does not read', async () => {
    scene = await openScene({ mirrors: MIRRORS, events: { ...LIMITS, backlog: 1000 } });
    const slow = follow(scene, '/api/v1/events');
    await slow.until('retry: 5000');
    slow.socket.pause();
    const closed = new Promise((resolve) => slow.socket.once('close', resolve).once('error', () => undefined));
    await expect
      .poll(() => {
        for (let count = 0; count < 2000; count++) scene.engine.tell(progress('debian', count));
        return taken(scene);
      })
      .toBe(0);
    slow.socket.resume();
    await closed;
  });

  it('listens to the engine only while somebody listens', async () => {
    scene = await openScene({ mirrors: MIRRORS });
    const before = scene.engine.listeners.size;
    const client = follow(scene, '/api/v1/events');
    await client.until('retry: 5000');
    expect(scene.engine.listeners.size).toBe(before + 1);
    client.socket.destroy();
    await expect.poll(() => scene.engine.listeners.size).toBe(before);
  });

  it('ends answers when the server stops', async () => {
    scene = await openScene({ mirrors: MIRRORS });
    const client = follow(scene, '/api/v1/events');
    await client.until('retry: 5000');
    scene.server.stop();
    await client.until('\r\n0\r\n');
  });

  it('answers 404 for a mirror that is not configured, and HEAD without following', async () => {
    scene = await openScene({ mirrors: MIRRORS });
    expect((await request(scene.http).get('/api/v1/events?mirror=absent')).status).toBe(404);
    expect((await request(scene.http).get('/api/v1/events?mirror=a&mirror=b')).status).toBe(400);
    const head = await request(scene.http).head('/api/v1/events');
    expect(head.headers['content-type']).toMatch(/^text\/event-stream/);
  });
});

async function taken(scene: Scene): Promise<number> {
  const { text } = await request(scene.http).get('/metrics');
  return Number(/^millpond_event_clients (\d+)$/m.exec(text)?.[1]);
}
