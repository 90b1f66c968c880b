import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { MillpondError } from '../../core/errors.js';
import { openControlSocket } from '../../server/control-socket.js';
import { openControlScene, writeRunLog, type ControlScene } from '../cli/scene.js';
import { tempFolder } from '../fixtures/temp-folder.js';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly json: Record<string, unknown>;
}

function send(scene: ControlScene, method: string, path: string, payload = ''): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: scene.layout.controlSocket, method, path, agent: false }, resolve);
    if (payload) asked.setHeader('Content-Type', 'application/json');
    asked.once('error', reject).end(payload);
  });
}

async function ask(scene: ControlScene, method: string, path: string, payload?: object | string): Promise<Answer> {
  const answer = await send(scene, method, path, typeof payload === 'object' ? JSON.stringify(payload) : payload);
  const body = await text(answer);
  const type = answer.headers['content-type'] ?? '';
  const json = type.includes('json') ? (JSON.parse(body) as Record<string, unknown>) : {};
  return { status: answer.statusCode ?? 0, type, body, json };
}

describe('createControlHandler', () => {
  it('tells the state of the program and of each mirror', async () => {
    const scene = await openControlScene();
    const { status, json } = await ask(scene, 'GET', '/status');
    expect(status).toBe(200);
    expect(json).toMatchObject({ version: '1.2.3', pid: process.pid, configuration: scene.configFile });
    expect(json['mirrors']).toMatchObject([{ name: 'debian' }, { name: 'ubuntu' }]);
    const one = await ask(scene, 'GET', '/status/ubuntu');
    expect(one.json).toMatchObject({ name: 'ubuntu', verdict: { word: 'new' } });
  });

  it('suggests the closest mirror for a name that does not exist', async () => {
    const scene = await openControlScene();
    const near = await ask(scene, 'POST', '/mirrors/debain/sync');
    expect(near).toMatchObject({ status: 404, type: 'application/problem+json; charset=utf-8' });
    expect(near.json).toMatchObject({
      code: 'not-found',
      detail: 'there is no mirror "debain"',
      hint: 'Did you mean "debian"?',
    });
    const far = await ask(scene, 'GET', '/status/..%2F..%2Fetc');
    expect(far.json['hint']).toContain('millpond status');
    expect((await ask(scene, 'GET', '/events?mirror=ubunto')).json['hint']).toBe('Did you mean "ubuntu"?');
  });

  it('triggers a manual run, forced when asked', async () => {
    const scene = await openControlScene();
    const plain = await ask(scene, 'POST', '/mirrors/debian/sync');
    expect(plain).toMatchObject({ status: 202, json: { mirror: 'debian', trigger: 'manual', force: false } });
    const forced = await ask(scene, 'POST', '/mirrors/debian/sync', { force: true });
    expect(forced.json['force']).toBe(true);
  });

  it.each([
    ['a member of the wrong type', '/mirrors/debian/sync', '{"force":"yes"}', 400, 'force'],
    ['an unknown member', '/mirrors/debian/sync', '{"forse":true}', 400, 'forse'],
    ['a pause without a reason', '/mirrors/debian/pause', '{}', 400, 'reason'],
    ['a pause with an empty reason', '/mirrors/debian/pause', '{"reason":"  "}', 400, 'reason'],
    ['a body that is not JSON', '/mirrors/debian/sync', '{', 400, 'cannot be read'],
    ['a body that is too large', '/mirrors/debian/sync', JSON.stringify('x'.repeat(20_000)), 413, 'cannot be read'],
  ])('refuses %s', async (_name, path, body, status, words) => {
    const scene = await openControlScene();
    const answer = await ask(scene, 'POST', path, body);
    expect(answer.status).toBe(status);
    expect(answer.json['detail']).toContain(words);
    expect(scene.store.runs.list('debian', 1)).toEqual([]);
    expect(scene.store.mirrors.get('debian').pausedAt).toBeNull();
  });

  it('passes pause, resume, cancel, rollback and reload on', async () => {
    const scene = await openControlScene();
    const paused = await ask(scene, 'POST', '/mirrors/debian/pause', { reason: ' disk swap ' });
    expect(paused.json).toMatchObject({ verdict: { word: 'paused' }, paused: { reason: 'disk swap' } });
    expect((await ask(scene, 'POST', '/mirrors/debian/sync')).status).toBe(409);
    const resumed = await ask(scene, 'POST', '/mirrors/debian/resume');
    expect(resumed.json['paused']).toBeNull();
    expect((await ask(scene, 'POST', '/mirrors/debian/cancel')).json).toEqual({ cancelled: [] });
    expect((await ask(scene, 'POST', '/mirrors/debian/rollback')).json).toEqual({ generation: 7 });
    const refused = await ask(scene, 'POST', '/mirrors/ubuntu/rollback');
    expect(refused).toMatchObject({ status: 409, json: { code: 'conflict', hint: 'Wait.' } });
    scene.reload = () => Promise.resolve({ changed: ['sync.jitter'] });
    expect((await ask(scene, 'POST', '/reload')).json).toEqual({ changed: ['sync.jitter'] });
    scene.reload = () => Promise.reject(new MillpondError('invalid', 'it is wrong'));
    expect(await ask(scene, 'POST', '/reload')).toMatchObject({ status: 400, json: { detail: 'it is wrong' } });
  });

  it('lists runs in pages and shows one with its stages', async () => {
    const scene = await openControlScene();
    const ids = [1, 2, 3].map(() => scene.engine.trigger('debian', 'manual').id);
    scene.store.runs.startStage({ runId: ids[2] ?? 0, pass: 1, name: 'all', startedAt: 5 });
    const page = await ask(scene, 'GET', `/mirrors/debian/runs?limit=2&before=${ids[2]}`);
    expect(page.json).toMatchObject([{ id: ids[1] }, { id: ids[0] }]);
    const run = await ask(scene, 'GET', `/runs/${ids[2]}`);
    expect(run.json).toMatchObject({ id: ids[2], stages: [{ name: 'all' }] });
    expect((await ask(scene, 'GET', '/runs/999')).status).toBe(404);
    expect((await ask(scene, 'GET', '/runs/x')).status).toBe(400);
    expect((await ask(scene, 'GET', '/mirrors/debian/runs?limit=-1')).status).toBe(400);
  });

  it('sends a log byte for byte, and says when there is none', async () => {
    const scene = await openControlScene();
    const run = scene.engine.end(scene.engine.trigger('debian', 'manual'), { outcome: 'updated' });
    const missing = await ask(scene, 'GET', `/runs/${run.id}/log`);
    expect(missing).toMatchObject({ status: 404, json: { code: 'not-found' } });
    expect((await ask(scene, 'GET', `/runs/${run.id}/log?follow=1`)).status).toBe(404);
    const log = `${'line\n'.repeat(50_000)}last without an end`;
    await writeRunLog(scene, run, log);
    const answer = await ask(scene, 'GET', `/runs/${run.id}/log`);
    expect(answer.type).toBe('text/plain; charset=utf-8');
    expect(answer.body).toBe(log);
  });

  it('follows a log from before its first line until the run has ended', async () => {
    const scene = await openControlScene();
    const run = scene.engine.trigger('debian', 'manual');
    const answer = await send(scene, 'GET', `/runs/${run.id}/log?follow=1`);
    let received = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    await writeRunLog(scene, run, 'first\n');
    await expect.poll(() => received).toBe('first\n');
    await writeRunLog(scene, run, 'second\n');
    await expect.poll(() => received).toBe('first\nsecond\n');
    await writeRunLog(scene, run, 'last\n');
    scene.engine.end(run, { outcome: 'updated' });
    await once(answer, 'end');
    expect(received).toBe('first\nsecond\nlast\n');
  });

  it('streams the events of one mirror as lines until the reader goes', async () => {
    const scene = await openControlScene();
    const answer = await send(scene, 'GET', '/events?mirror=debian');
    scene.engine.tell({ type: 'mirror.changed', mirror: 'ubuntu' });
    scene.engine.tell({ type: 'mirror.changed', mirror: 'debian' });
    const [chunk] = (await once(answer, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('{"type":"mirror.changed","mirror":"debian"}\n');
    answer.destroy();
    await expect.poll(() => scene.engine.listeners.size).toBe(0);
  });

  it('drops a reader of events that does not read', async () => {
    const scene = await openControlScene();
    const socket = connect(scene.layout.controlSocket);
    socket.pause();
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await expect.poll(() => scene.engine.listeners.size).toBe(1);
    const padding = 'x'.repeat(64 * 1024);
    for (let sent = 0; sent < 64; sent++) scene.engine.tell({ type: 'mirror.changed', mirror: padding });
    await expect.poll(() => scene.engine.listeners.size).toBe(0);
    socket.destroy();
  });

  it('tells nothing of a fault of the program, which is whole in the log', async () => {
    const scene = await openControlScene();
    const fault = new Error('secret detail');
    scene.reload = () => Promise.reject(fault);
    const answer = await ask(scene, 'POST', '/reload');
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret detail');
    expect(scene.logged).toMatchObject([[{ err: fault }, expect.any(String)]]);
  });

  it('answers other paths and methods with not found', async () => {
    const scene = await openControlScene();
    expect((await ask(scene, 'GET', '/mirrors/debian/sync')).json['detail']).toContain('GET /mirrors/debian/sync');
    expect((await ask(scene, 'DELETE', '/runs/1')).status).toBe(404);
  });
});

describe('openControlSocket', () => {
  it('opens a socket that only this user may use, and removes it', async () => {
    const path = join(await tempFolder(), 'run', 'control.sock');
    const socket = await openControlSocket(path, (_req, res) => res.end());
    const { mode } = await stat(path);
    expect(mode & 0o777).toBe(0o600);
    await socket.stop();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes the place of what a killed program left', async () => {
    const path = join(await tempFolder(), 'control.sock');
    await writeFile(path, '');
    const socket = await openControlSocket(path, (_req, res) => res.end());
    expect((await stat(path)).isSocket()).toBe(true);
    await socket.stop();
  });

  it('refuses a path that the system would cut', async () => {
    const path = join(await tempFolder(), 'x'.repeat(100), 'control.sock');
    await expect(openControlSocket(path, () => undefined)).rejects.toMatchObject({
      code: 'invalid',
      hint: 'Choose a data folder with a shorter path.',
    });
  });

  it('says which socket cannot be opened', async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'run'), '');
    const opened = openControlSocket(join(folder, 'run', 'control.sock'), () => undefined);
    await expect(opened).rejects.toMatchObject({ code: 'unavailable' });
  });
});
