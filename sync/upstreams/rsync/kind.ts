import { performTreeRun } from '../../runs/perform-tree-run.js';
import type { TreeUpstream } from '../tree-upstream.js';
import type { UpstreamKind } from '../upstream-kind.js';
import { copyFolders } from './copy-folders.js';
import { list } from './list.js';
import { fetch, probe } from './probe.js';
import { pull } from './pull.js';

export const source: TreeUpstream = { probe, fetch, copyFolders, list, pull };

export const kind: UpstreamKind = {
  perform(context) {
    const { mirror } = context;
    if (mirror.kind !== 'rsync') throw new Error(`${mirror.name} is not fetched with rsync`);
    return performTreeRun({ ...context, mirror, source });
  },
};
