import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../fixtures/free-port.js';
import { startNginx } from '../../fixtures/nginx.js';
import { MIRROR, writeSite, writeSiteFile } from './site-files.js';
import { httpContract, type RunningSite } from './suite.js';

/** What nginx 1.22 does otherwise, by reason. */
const DIFFERENCES: Readonly<Record<string, readonly string[]>> = {};

httpContract('nginx', startSite, {
  differs: Object.fromEntries(
    Object.entries(DIFFERENCES).flatMap(([reason, ids]) => ids.map((id) => [id, reason] as const)),
  ),
});

async function startSite(): Promise<RunningSite> {
  const folder = await mkdtemp(join(tmpdir(), 'millpond-nginx-'));
  const root = join(folder, 'root', MIRROR);
  writeSite(root);
  const port = await freePort();
  const site = `types { text/html html; } default_type application/octet-stream;
    server { listen 127.0.0.1:${port}; root ${folder}/root; autoindex on; expires 1h; }`;
  const nginx = await startNginx(site, port, folder);
  return {
    port,
    write: (path, content, time) => Promise.resolve(writeSiteFile(root, path, content, time)),
    async stop() {
      await nginx.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
