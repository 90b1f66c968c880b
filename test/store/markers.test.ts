import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openStore, type Store } from '../../store/open.js';
import { tempFolder } from '../fixtures/temp-folder.js';

async function open(): Promise<Store> {
  const store = openStore(join(await tempFolder(), 'state.db'));
  onTestFinished(() => store.close());
  return store;
}

function read(store: Store, value: string, at: number, time: number | null = null): void {
  store.lightTransaction(() => store.markers.read('pond', 'direct', { value, time }, at));
}

test('a marker is kept with when it was first seen and last read, and since when it cannot be read', async () => {
  const store = await open();
  expect(store.markers.of('pond')).toEqual({});
  read(store, 'a', 100, 90);
  read(store, 'a', 200, 90);
  store.markers.failed('pond', 'direct', 'Gone.', 300);
  store.markers.failed('pond', 'direct', 'Still gone.', 400);
  store.markers.failed('pond', 'origin', 'Never there.', 400);
  expect(store.markers.of('pond')).toEqual({
    direct: { value: 'a', time: 90, seenAt: 100, readAt: 200, failedSince: 300, message: 'Still gone.' },
    origin: { value: null, time: null, seenAt: null, readAt: null, failedSince: 400, message: 'Never there.' },
  });
  read(store, 'b', 500, 480);
  expect(store.markers.of('pond').direct).toEqual({
    ...{ value: 'b', time: 480, seenAt: 500, readAt: 500, failedSince: null, message: null },
  });
});

test('that upstream has none ends a value and is no failure', async () => {
  const store = await open();
  read(store, 'a', 100, 90);
  store.markers.failed('pond', 'direct', 'Unreachable.', 200);
  const none = { value: null, time: null, seenAt: 300, failedSince: null, message: 'None.' };
  for (const at of [300, 400]) {
    store.markers.absent('pond', 'direct', 'None.', at);
    expect(store.markers.of('pond').direct).toEqual({ ...none, readAt: at });
  }
  store.markers.absent('pond', 'origin', 'None.', 300);
  expect(store.markers.of('pond').origin).toEqual({ ...none, readAt: 300 });
  read(store, 'a', 500, 90);
  expect(store.markers.of('pond').direct).toMatchObject({ value: 'a', seenAt: 500, message: null });
});

test('what came after a value is known, each value once', async () => {
  const store = await open();
  for (const [at, value] of [...'abbcbd'].entries()) read(store, value, at * 100, at * 100 - 50);
  expect(store.markers.newerThan('pond', 'direct', 'a')).toEqual({ count: 3, firstTime: 50, firstSeenAt: 100 });
  expect(store.markers.newerThan('pond', 'direct', 'c')).toEqual({ count: 2, firstTime: 350, firstSeenAt: 400 });
  expect(store.markers.newerThan('pond', 'direct', 'd')).toBeNull();
  expect(store.markers.newerThan('pond', 'direct', 'x')).toBeNull();
  expect(store.markers.newerThan('pond', 'origin', 'a')).toBeNull();
});

test('four hundred values are kept of each marker', async () => {
  const store = await open();
  store.lightTransaction(() => {
    for (let n = 0; n < 450; n++) store.markers.read('pond', 'direct', { value: String(n), time: n }, n);
  });
  expect(store.markers.newerThan('pond', 'direct', '49')).toBeNull();
  expect(store.markers.newerThan('pond', 'direct', '50')).toMatchObject({ count: 399 });
});
