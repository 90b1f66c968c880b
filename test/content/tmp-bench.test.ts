import { test } from 'vitest';
import { digestOf } from '../../core/oci/digest.js';
import { ImageStore } from './image-store.js';
import { performance } from 'node:perf_hooks';
test('bench', { timeout: 300000 }, async () => {
  const here = await ImageStore.open();
  const { store } = here;
  const d = (s: string) => digestOf(s);
  const part = (digest: string, role: 'config' | 'layer' | 'manifest') => ({ digest, role, mediaType: 'x', size: 1, platform: null, foreign: false });
  store.transaction(() => {
    store.repositories.ensure('lab/big', 'hosted', here.now);
    const put = (digest: string) => { store.blobs.add(digest, 1, here.now); store.repositories.link('lab/big', digest, here.now); };
    for (let i = 0; i < 2000; i++) put(d(`layer ${i}`));
    put(d('empty'));
    for (let n = 0; n < 10000; n++) {
      const children = ['a', 'b'].map((p) => {
        const c = d(`config ${n}${p}`); put(c);
        const m = d(`manifest ${n}${p}`); put(m);
        const layers = Array.from({ length: 8 }, (_, k) => part(d(`layer ${(n * 7 + k * 13) % 2000}`), 'layer'));
        store.manifests.add(m, { mediaType: 'm', isIndex: false, parts: [part(c, 'config'), ...layers, part(d('empty'), 'layer')], subject: null, artifactType: null, annotations: null });
        return m;
      });
      const ix = d(`index ${n}`); put(ix);
      store.manifests.add(ix, { mediaType: 'm', isIndex: true, parts: children.map((c) => part(c, 'manifest')), subject: null, artifactType: null, annotations: null });
      store.tags.move({ repository: 'lab/big', tag: `t${n}`, digest: ix }, { at: here.now, checkedAt: null, keepHistory: 2 });
    }
  });
  here.now += 30 * 86400000;
  let longest = 0, last = performance.now(), steps = 0;
  const { collectGarbage } = await import('../../content/collect-garbage.js');
  const start = performance.now();
  const report = await collectGarbage({ ...here, clock: here.clock, pause: async () => { const now = performance.now(); longest = Math.max(longest, now - last); steps++; await new Promise((r) => setImmediate(r)); last = performance.now(); } });
  console.log({ report, ms: performance.now() - start, longest, steps });
  const t = performance.now(); store.garbage.isNeeded('lab/big', d('empty'), { graceBefore: here.now, untaggedBefore: here.now, history: 0 }); console.log('empty needed', performance.now() - t);
  // all untagged
  store.transaction(() => { for (let n = 0; n < 10000; n++) store.tags.remove('lab/big', `t${n}`, here.now - 20 * 86400000); });
  longest = 0; steps = 0; last = performance.now(); const s2 = performance.now();
  here.blobs.remove = ((digest: string, may: () => boolean) => store.transaction(() => { if (!may()) return false; store.manifests.remove(digest); store.blobs.remove(digest); return true; })) as never;
  const r2 = await collectGarbage({ ...here, clock: here.clock, pause: async () => { const now = performance.now(); longest = Math.max(longest, now - last); steps++; await new Promise((r) => setImmediate(r)); last = performance.now(); } });
  console.log({ r2, ms: performance.now() - s2, longest, steps });
});
