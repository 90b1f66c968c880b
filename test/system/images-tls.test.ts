import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeAuthority, type Certificate } from '../fixtures/certificate-authority.js';
import { runMillpond } from '../fixtures/command-line.js';
import { buildImage } from '../fixtures/image-builder.js';
import { startImageUpstream } from '../fixtures/image-upstream.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

/** TLS before the registry at `target`, a base address of plain HTTP; its own base address. */
async function startTls(target: string, certificate: Certificate): Promise<string> {
  const server = createServer({ ...certificate }, ({ method, url, headers }, response) => {
    const upstream = request(new URL(url ?? '/', target), { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    upstream.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const NAMES = ['right', 'expired', 'other-name'] as const;

/** The same registry behind three certificates of an authority of our own, and a program that mirrors all three. */
async function scene() {
  const { faulty, push } = await startImageUpstream();
  const image = buildImage({ seed: 'behind TLS' });
  await push('library/pond', image, '1');
  const authority = await makeAuthority();
  const [right, expired, otherName] = await Promise.all([
    authority.issue('IP:127.0.0.1').then((certificate) => startTls(faulty.url, certificate)),
    authority.issue('IP:127.0.0.1', -1).then((certificate) => startTls(faulty.url, certificate)),
    authority.issue('DNS:elsewhere.test').then((certificate) => startTls(faulty.url, certificate)),
  ]);
  const urls = { right, expired, 'other-name': otherName };
  const registries = Object.fromEntries(
    NAMES.map((name) => [`${name}.test`, { url: urls[name], private_addresses: true }]),
  );
  const settings = { schedule: 'manual', retry: { attempts: 1 }, tags: { include: ['*'] } };
  const images = NAMES.map((name) => ({ from: `${name}.test/library/pond`, ...settings }));
  const folder = await tempFolder();
  const start = (): Promise<Program> => startProgram(folder, {}, {}, { registries, images });
  return { urls, image, authority, start };
}

test('an upstream registry with a certificate of an own authority is mirrored when Node is told of that', async () => {
  const { urls, image, authority, start } = await scene();
  vi.stubEnv('NODE_EXTRA_CA_CERTS', authority.file);
  onTestFinished(() => void vi.unstubAllEnvs());
  const program = await start();

  expect(await program.sync(encodeURIComponent('right.test/library/pond'))).toMatchObject({ outcome: 'updated' });
  const served = await fetch(`${program.url}/v2/right.test/library/pond/manifests/1`);
  expect(Buffer.from(await served.arrayBuffer())).toEqual(image.bytes);

  const failed = { outcome: 'failed', failure: 'tls' };
  expect(await program.sync(encodeURIComponent('expired.test/library/pond'))).toMatchObject({
    ...failed,
    message:
      `expired.test cannot be asked, since the certificate of ${new URL(urls.expired).host} has expired: it has to be ` +
      'renewed there, unless the clock of this machine is wrong (CERT_HAS_EXPIRED).',
  });
  expect(await program.sync(encodeURIComponent('other-name.test/library/pond'))).toMatchObject({
    ...failed,
    message:
      `other-name.test cannot be asked, since the certificate of ${new URL(urls['other-name']).host} is for other ` +
      'names: ask by one of those, or have this one added there (ERR_TLS_CERT_ALTNAME_INVALID).',
  });
});

test('an upstream registry whose certificate nobody here trusts is told as that, with what to do', async () => {
  const { urls, start } = await scene();
  const program = await start();
  const sentence =
    `right.test cannot be asked, since the certificate of ${new URL(urls.right).host} is from no authority that is ` +
    'trusted here: if that one is right, start Millpond with NODE_EXTRA_CA_CERTS=<PEM file with its certificate> ' +
    '(UNABLE_TO_VERIFY_LEAF_SIGNATURE)';
  expect(await program.sync(encodeURIComponent('right.test/library/pond'))).toMatchObject({
    outcome: 'failed',
    message: `${sentence}.`,
  });
  const { stdout, stderr } = await runMillpond(program.config, 'images', 'plan', 'right.test/library/pond');
  expect(stdout + stderr).toContain(sentence);
});
