import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../fixtures/free-port.js';
import { openNginx } from '../../fixtures/nginx.js';
import { MIRROR, writeSite, writeSiteFile } from './site-files.js';
import { httpContract, type RunningSite } from './suite.js';

/** What nginx 1.22 does otherwise, by reason. */
const DIFFERENCES: Readonly<Record<string, readonly string[]>> = {
  'after a 412 it closes the connection without saying so': [
    ...['9110-5.6.7-a', '9110-5.6.7-c', '9110-6.6.1', '9110-13.1.1-c', '9110-13.1.1-d', '9110-13.1.4-b'],
    ...['9110-14.2-d', '9110-14.4'],
  ],
  'it refuses a second line of a condition': ['9110-5.3', '9110-13.1.3-e', '9110-13.1.4-d'],
  'it sends the time of a file as it is': ['9110-8.8.2.1'],
  'its listings have no validators and one form': [
    ...['9110-8.8.3-b', '9110-8.8.3.3', '9110-12.4.2', '9110-12.5.5', '9110-13.1.2-c', '9110-15.4.5-a'],
  ],
  'it does not say what is allowed': ['9110-15.5.6'],
  'an earlier file is another one': ['9110-13.1.3-b'],
  'it takes some of what is no date for one': ['9110-13.1.3-d', '9110-13.1.4-c'],
  'it heeds both of two conditions, of which one is to be ignored': ['9110-13.1.4-e', '9110-13.2.2-a'],
  'it heeds If-Unmodified-Since of what has no time': ['9110-13.1.4-f'],
  'it refuses numbers of more than 64 bits': ['9110-14.1.2-b', '9110-14.1.2-d'],
  'it sends what is valid of an invalid list, and refuses a list with an empty member': [
    ...['9110-14.1.1-a', '9110-15.3.7.1'],
  ],
  'it heeds Range for HEAD': ['9110-14.2-b'],
  'it heeds the first of several lines of Range': ['9110-14.2-f'],
  'a 206 has no Accept-Ranges': ['9110-14.3', '9110-15.3.7-b'],
  'it tells again what the client has': ['9110-15.3.7-c'],
  'it leaves to caches how long a redirect or a refusal is kept': ['9111-5.2.2', '9111-5.2.2.5'],
};

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
    server { listen 127.0.0.1:${port}; root ${folder}/root; autoindex on; add_header Cache-Control max-age=3600; }`;
  const nginx = await openNginx(site, port, folder);
  return {
    port,
    write: (path, content, time) => Promise.resolve(writeSiteFile(root, path, content, time)),
    async stop() {
      await nginx.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
