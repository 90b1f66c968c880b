import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { digestOf } from '../../core/oci/digest.js';
import { apart, startClientDaemon } from '../fixtures/client-machine.js';
import { runMillpond } from '../fixtures/command-line.js';
import { buildImage, buildIndex, contentsOf, type Image } from '../fixtures/image-builder.js';
import { readImage, readManifest } from '../fixtures/image-push.js';
import { startImageUpstream, type ImageUpstream } from '../fixtures/image-upstream.js';
import { startProgram, type Program } from '../fixtures/program.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const MIRRORED = 'docker.io/library/pond';
const BUSYBOX = '/bin/busybox';

/** Two platforms that share a layer. */
const POND = buildIndex([
  buildImage({ seed: 'pond amd64', layerSeeds: ['shared'], layers: [200_000, 3_000] }),
  buildImage({ seed: 'pond arm64', layerSeeds: ['shared'], layers: [200_000, 4_000], platform: 'linux/arm64' }),
]);

interface Site {
  readonly folder: string;
  readonly upstream: ImageUpstream;
  readonly program: Program;
  /** As clients write it before the name of an image. */
  readonly host: string;
  readonly port: string;
  /** Runs a client whose configuration and state are in the folder of the test; gives what it prints. */
  run(command: string, args: readonly string[], input?: string): Promise<string>;
}

/**
 * A program before a registry with token authentication: it keeps one repository in step, fetches others on demand, and
 * takes pushes to `lab/*`. Docker Hub is at its root by the name localhost.
 */
async function startSite(): Promise<Site> {
  const folder = await tempFolder();
  const upstream = await startImageUpstream({ auth: { kind: 'bearer' } });
  await upstream.push('library/pond', POND, '1', 'latest');
  const more = {
    registries: {
      'docker.io': upstream.settings({ alias: 'localhost' }),
      'quay.io': upstream.settings(),
    },
    images: [{ from: MIRRORED, tags: ['*'], schedule: 'manual' }],
    registry: { push: ['lab/*'] },
  };
  const program = await startProgram(join(folder, 'millpond'), {}, {}, more);
  const { host, port } = new URL(program.url);
  const home = join(folder, 'home');
  mkdirSync(join(home, '.config/containers'), { recursive: true });
  writeFileSync(join(home, '.config/containers/policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  const env = {
    ...{ PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: join(folder, 'run'), TMPDIR: folder },
    ...{ DOCKER_CONFIG: join(home, '.docker'), LC_ALL: 'C.UTF-8' },
  };
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
  mkdirSync(env.DOCKER_CONFIG);
  writeFileSync(join(env.DOCKER_CONFIG, 'config.json'), '{}');
  const run: Site['run'] = async (command, args, input = '') => {
    const started = promisify(execFile)(...apart(command, args), { env, cwd: folder, maxBuffer: 16 * 1024 * 1024 });
    started.child.stdin?.end(input);
    return (await started).stdout.trim();
  };
  return { folder, upstream, program, host, port, run };
}

async function syncPond({ program }: Site): Promise<void> {
  expect(await program.sync(encodeURIComponent(MIRRORED))).toMatchObject({ outcome: 'updated' });
}

/** A secret that opens `lab/*`, made as an operator makes it. */
async function createToken({ program }: Site): Promise<string> {
  const { code, stdout } = await runMillpond(program.config, 'token', 'create', 'ci', '--push', 'lab/*');
  expect(code).toBe(0);
  return stdout.trim();
}

/** Storage of podman and buildah that is below the folder of the test alone. */
function storageIn(folder: string, name: string): string[] {
  return ['--root', join(folder, name), '--runroot', join(folder, `${name}-run`), '--storage-driver', 'vfs'];
}

function expectFolderHolds(folder: string, image: Image): void {
  const { blobs, manifests } = contentsOf(image);
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  const found = new Set(files.map((bytes) => digestOf(bytes)));
  for (const { digest } of [...blobs, ...manifests]) expect(found).toContain(digest);
}

test('skopeo inspects, copies all platforms and syncs a whole repository, mirrored or on demand', async () => {
  const site = await startSite();
  const { folder, upstream, host, run } = site;
  const insecure = '--src-tls-verify=false';
  await syncPond(site);
  upstream.faulty.forgetRequests();

  const inspect = ['inspect', '--tls-verify=false', `docker://${host}/${MIRRORED}:1`];
  const seen = JSON.parse(await run('skopeo', inspect)) as { Digest: string; RepoTags: string[]; Architecture: string };
  expect(seen).toMatchObject({ Digest: POND.digest, RepoTags: ['1', 'latest'], Architecture: 'amd64' });
  const copied = join(folder, 'copied');
  await run('skopeo', ['copy', '-q', '--all', insecure, `docker://${host}/${MIRRORED}:1`, `dir:${copied}`]);
  expectFolderHolds(copied, POND);
  const synced = join(folder, 'synced');
  await run('skopeo', ['sync', '--all', insecure, '--src', 'docker', '--dest', 'dir', `${host}/${MIRRORED}`, synced]);
  expect(readdirSync(synced).sort()).toEqual(['pond:1', 'pond:latest']);
  for (const name of readdirSync(synced)) expectFolderHolds(join(synced, name), POND);
  expect(upstream.faulty.requests()).toEqual([]); // it was all here

  const cold = buildIndex([buildImage({ seed: 'cold' }), buildImage({ seed: 'cold arm', platform: 'linux/arm/v7' })]);
  await upstream.push('tools/cold', cold, 'v1');
  for (const name of [`docker.io/tools/cold`, `quay.io/tools/cold`]) {
    const target = join(folder, name.replaceAll('/', '-'));
    await run('skopeo', ['copy', '-q', '--all', insecure, `docker://${host}/${name}:v1`, `dir:${target}`]);
    expectFolderHolds(target, cold);
  }
  const missing = run('skopeo', ['inspect', '--tls-verify=false', `docker://${host}/docker.io/tools/cold:v2`]);
  await expect(missing).rejects.toThrow(/manifest unknown|not found/i);
});

test('podman pulls through registries.conf, and pushes with a token and with nothing else', async () => {
  const site = await startSite();
  const { folder, upstream, program, host, run } = site;
  await syncPond(site);
  // what the page tells people to paste
  writeFileSync(
    join(folder, 'home/.config/containers/registries.conf'),
    `[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n` +
      `[[registry.mirror]]\nlocation = "${host}/docker.io"\ninsecure = true\n`,
  );
  const state = ['--tmpdir', join(folder, 'libpod'), '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'];
  const podman = (args: readonly string[], input?: string): Promise<string> =>
    run('podman', [...storageIn(folder, 'podman'), ...state, ...args], input);

  const [amd64] = POND.children;
  const id = await podman(['pull', '-q', 'docker.io/library/pond:1']);
  expect(`sha256:${id}`).toBe(amd64?.blobs[0]?.digest);
  const single = buildImage({ seed: 'single', format: 'docker', layers: [300_000, 10] });
  await upstream.push('library/single', single, '2');
  const singleId = await podman(['pull', '-q', '--tls-verify=false', `${host}/docker.io/library/single:2`]);
  expect(`sha256:${singleId}`).toBe(single.blobs[0]?.digest);

  const secret = await createToken(site);
  const authfile = join(folder, 'auth.json');
  const insecure = '--tls-verify=false';
  await expect(
    podman(['login', insecure, '--authfile', authfile, '-u', 'ci', '--password-stdin', host], 'wrong'),
  ).rejects.toThrow(/invalid username\/password|unauthorized/i);
  await expect(podman(['push', '-q', insecure, singleId, `${host}/lab/app:1`])).rejects.toThrow(/unauthorized|denied/i);
  await podman(['login', insecure, '--authfile', authfile, '-u', 'ci', '--password-stdin', host], secret);
  const digestfile = join(folder, 'digest');
  const push = ['push', '-q', insecure, '--authfile', authfile, '--digestfile', digestfile, singleId];
  await podman([...push, `${host}/lab/app:1`]);
  await expect(podman([...push, `${host}/other/app:1`])).rejects.toThrow(/denied|unauthorized/i);

  const pushed = { url: program.url, repository: 'lab/app' };
  const { has, lacks } = await readImage(pushed, '1');
  expect([has[0], lacks]).toEqual([readFileSync(digestfile, 'utf8'), []]);
  await podman(['rmi', '-f', singleId]);
  expect(await podman(['pull', '-q', insecure, `${host}/lab/app:1`])).toBe(singleId);
  expect(program.said()).not.toContain(secret);
});

test('buildah pushes a manifest of two platforms, each with its image', async () => {
  const site = await startSite();
  const { folder, program, host, run } = site;
  const buildah = (args: readonly string[], input?: string): Promise<string> =>
    run('buildah', [...storageIn(folder, 'buildah'), ...args], input);
  copyFileSync(BUSYBOX, join(folder, 'busybox'));
  await buildah(['manifest', 'create', 'busybox']);
  for (const architecture of ['amd64', 'arm64']) {
    writeFileSync(join(folder, 'architecture'), architecture);
    const container = await buildah(['from', 'scratch']);
    await buildah(['copy', '-q', container, join(folder, 'busybox'), '/bin/busybox']);
    await buildah(['copy', '-q', container, join(folder, 'architecture'), '/etc/architecture']);
    await buildah(['config', '--arch', architecture, '--os', 'linux', '--cmd', '/bin/busybox', container]);
    await buildah(['commit', '-q', '--rm', '--manifest', 'busybox', container]);
  }
  const authfile = join(folder, 'auth.json');
  const insecure = ['--tls-verify=false', '--authfile', authfile];
  await buildah(['login', ...insecure, '-u', 'ci', '--password-stdin', host], await createToken(site));
  await buildah(['manifest', 'push', '-q', '--all', ...insecure, 'busybox', `docker://${host}/lab/busybox:1`]);

  const { has, lacks } = await readImage({ url: program.url, repository: 'lab/busybox' }, '1');
  expect(lacks).toEqual([]);
  expect(has.length).toBeGreaterThanOrEqual(1 + 2 * 3); // index, and manifest, configuration and a layer of each
  const raw = JSON.parse(
    await run('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${host}/lab/busybox:1`]),
  ) as { manifests: { platform: { architecture: string } }[] };
  expect(raw.manifests.map(({ platform }) => platform.architecture).sort()).toEqual(['amd64', 'arm64']);
  const from = `docker://${host}/lab/busybox:1`;
  const other = ['--override-arch', 'arm64', 'copy', '-q', '--src-tls-verify=false', from, `oci:${folder}/oci:1`];
  await run('skopeo', other);
  const platform = JSON.parse(await run('skopeo', ['inspect', '--config', `oci:${folder}/oci:1`])) as object;
  expect(platform).toMatchObject({ architecture: 'arm64', os: 'linux' });
});

test('containerd pulls through hosts.toml what only upstream has, and pushes', async () => {
  const site = await startSite();
  const { folder, upstream, program, host, run } = site;
  const image = buildIndex([
    buildImage({ seed: 'ctr amd64', layers: [400_000, 10] }),
    buildImage({ seed: 'ctr arm64', layers: [500_000], platform: 'linux/arm64' }),
  ]);
  await upstream.push('tools/only', image, '1');
  const socket = join(folder, 'containerd.sock');
  const config = join(folder, 'containerd.toml');
  const plugins = ['cri', 'btrfs', 'zfs', 'devmapper', 'aufs', 'overlayfs'];
  const disabled = plugins.map((name) => `"io.containerd.${name === 'cri' ? 'grpc' : 'snapshotter'}.v1.${name}"`);
  writeFileSync(
    config,
    `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = [${disabled.join(', ')}]\n` +
      `[grpc]\naddress = "${socket}"\n[debug]\naddress = "${folder}/debug.sock"\nlevel = "warn"\n` +
      `[plugins."io.containerd.internal.v1.opt"]\npath = "${folder}/opt"\n`,
  );
  const ctr = (...args: string[]): Promise<string> => run('ctr', ['--address', socket, ...args]);
  await startClientDaemon(['containerd', '--config', config], folder, () =>
    ctr('version').then(
      () => true,
      () => false,
    ),
  );
  const hosts = join(folder, 'hosts');
  mkdirSync(join(hosts, 'quay.io'), { recursive: true });
  writeFileSync(
    join(hosts, 'quay.io/hosts.toml'),
    `server = "https://quay.io"\n[host."http://${host}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
  const name = 'quay.io/tools/only:1';
  await ctr('images', 'pull', '--hosts-dir', hosts, '--snapshotter', 'native', '--platform', 'linux/amd64', name);
  expect(await ctr('images', 'ls', `name==${name}`)).toContain(image.digest);
  const [amd64] = image.children;
  const held = (await ctr('content', 'ls', '-q')).split('\n');
  expect(held).toEqual(expect.arrayContaining([image, amd64, ...(amd64?.blobs ?? [])].map((each) => each?.digest)));
  const fetched = upstream.faulty.requests({ method: 'GET', kind: 'blob', repository: 'tools/only', status: 200 });
  expect(fetched.map(({ reference }) => reference).sort()).toEqual(amd64?.blobs.map(({ digest }) => digest).sort());

  const secret = await createToken(site);
  const target = `${host}/lab/only:1`;
  const push = ['images', 'push', '--plain-http', '--platform', 'linux/amd64'];
  await expect(ctr(...push, '--user', `ci:${secret}x`, target, name)).rejects.toThrow(/401|unauthorized/i);
  await ctr(...push, '--user', `ci:${secret}`, target, name);
  const found = await readImage({ url: program.url, repository: 'lab/only' }, '1');
  expect([found.has[0], found.lacks]).toEqual([amd64?.digest, []]);
});

test('docker pulls through registry-mirrors what only Docker Hub has, and pushes', async () => {
  const site = await startSite();
  const { folder, upstream, program, host, port, run } = site;
  const image = buildImage({ seed: 'docker', format: 'docker', layers: [600_000, 10, 2_000] });
  await upstream.push('library/only', image, '1');
  const at = (name: string): string => join(folder, 'docker', name);
  mkdirSync(at(''));
  const socket = `unix://${at('sock')}`;
  const docker = (args: readonly string[], input?: string): Promise<string> =>
    run('docker', ['-H', socket, ...args], input);
  const state = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '--host', socket];
  const network = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'];
  const mirror = ['--registry-mirror', `http://localhost:${port}`, '--storage-driver', 'vfs'];
  await startClientDaemon(['dockerd', ...state, ...network, ...mirror], at(''), () =>
    docker(['version']).then(
      () => true,
      () => false,
    ),
  );
  await docker(['pull', '-q', 'only:1']);
  const inspected = JSON.parse(await docker(['image', 'inspect', 'only:1'])) as { Id: string; RepoDigests: string[] }[];
  expect(inspected).toMatchObject([{ Id: image.blobs[0]?.digest, RepoDigests: [`only@${image.digest}`] }]);
  const fetched = upstream.faulty.requests({ method: 'GET', kind: 'blob', repository: 'library/only', status: 200 });
  expect(fetched.map(({ reference }) => reference).sort()).toEqual(image.blobs.map(({ digest }) => digest).sort());

  const login = ['login', '-u', 'ci', '--password-stdin', host];
  await expect(docker(login, 'wrong')).rejects.toThrow(/unauthorized|401/i);
  await docker(['tag', 'only:1', `${host}/lab/only:1`]);
  await expect(docker(['push', '-q', `${host}/lab/only:1`])).rejects.toThrow(
    /unauthorized|denied|no basic auth|log in/i,
  );
  await docker(login, await createToken(site));
  await docker(['push', '-q', `${host}/lab/only:1`]);
  const pushed = { url: program.url, repository: 'lab/only' };
  expect((await readImage(pushed, '1')).lacks).toEqual([]);
  const config = JSON.parse((await readManifest(pushed, '1'))?.bytes.toString() ?? '{}') as {
    config: { digest: string };
  };
  expect(config.config.digest).toBe(image.blobs[0]?.digest);
}, 120_000);
