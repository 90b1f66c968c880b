import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Request, Response } from 'express';
import { extname, join } from 'node:path';
import { PACKAGE_ROOT } from '../../platform/package-root.js';

interface Asset {
  readonly body: Buffer;
  readonly type: string;
  readonly hash: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const assets = loadAssets(join(PACKAGE_ROOT, 'views', 'assets'));

/** Address of an asset, with a part that changes with its content. */
export function assetUrl(name: string): string {
  const asset = assets.get(name);
  if (!asset) throw new Error(`there is no asset "${name}"`);
  return `/assets/${name}?v=${asset.hash}`;
}

/** Answers `/assets/<name>`; false when there is no such asset. */
export function sendAsset(name: string, req: Request, res: Response): boolean {
  const asset = assets.get(name);
  if (!asset) return false;
  const isExact = req.query['v'] === asset.hash;
  res.set('Cache-Control', isExact ? 'public, max-age=31536000, immutable' : 'public, max-age=300');
  res.type(asset.type).send(asset.body);
  return true;
}

/** They are few and small: read once, when the server is loaded. */
function loadAssets(folder: string): ReadonlyMap<string, Asset> {
  const found = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const type = TYPES[extname(name)];
    if (!type) continue;
    const body = readFileSync(join(folder, name));
    found.set(name, { body, type, hash: createHash('sha256').update(body).digest('hex').slice(0, 12) });
  }
  return found;
}
