import { DOCKER_HUB_NAME } from '../../core/oci/names.js';
import type { RegistryView } from '../images-view.js';

/** Where Docker Hub answers, as all clients know: other registries answer under their names. */
const DOCKER_HUB_HOST = 'registry-1.docker.io';

/** How clients name this registry. */
export interface ClientAddress {
  /** As it stands before a repository in a reference, with a port where one is needed. */
  readonly host: string;
  /** Base address without a trailing slash. */
  readonly origin: string;
  /** Whether it is reached without TLS, which clients must be told. */
  readonly isPlain: boolean;
}

/** A text to copy: a command, or what a file of a client is to hold. */
export interface Snippet {
  readonly id: string;
  readonly client: string;
  /** Where it belongs; empty of a command. */
  readonly file: string;
  /** Null where this client can do nothing of the kind; the note then says why. */
  readonly text: string | null;
  readonly note: string;
}

/** `origin` is the address by which the registry is reached, `https://mirror.example.edu:8443`. */
export function clientAddress(origin: string): ClientAddress {
  const { protocol, host } = new URL(origin);
  const isPlain = protocol === 'http:';
  // clients take a first part without a dot or a port for a user of Docker Hub
  const isClear = /[.:]/.test(host) || host === 'localhost';
  return { host: isClear ? host : `${host}:${isPlain ? 80 : 443}`, origin: new URL(origin).origin, isPlain };
}

/** Commands that pull `reference`, a tag or a digest, of a repository. */
export function pullCommands(address: ClientAddress, repository: string, reference: string): Snippet[] {
  const { host, isPlain } = address;
  const name = `${host}/${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
  const needsFile = isPlain ? 'Without TLS, the client must first be told to trust this host: see below.' : '';
  return [
    command('docker', 'Docker', `docker pull ${name}`, needsFile),
    command('podman', 'Podman', `podman pull ${isPlain ? '--tls-verify=false ' : ''}${name}`),
    command('nerdctl', 'containerd, nerdctl', `nerdctl ${isPlain ? '--insecure-registry ' : ''}pull ${name}`),
    command('ctr', 'containerd, ctr', `ctr images pull ${isPlain ? '--plain-http ' : ''}${name}`),
    command('kubernetes', 'Kubernetes', `image: ${name}`, needsFile),
  ];
}

/**
 * What clients are given once, so that they ask here for what they would ask `registry` for: Docker for Docker Hub only,
 * and at the root of a host; containerd with the name of the registry in `ns`; containers/image with another path.
 */
export function clientConfiguration(address: ClientAddress, registry: RegistryView): Snippet[] {
  return [dockerFile(address, registry), containerdFile(address, registry), podmanFile(address, registry)];
}

function dockerFile(address: ClientAddress, { name, alias }: RegistryView): Snippet {
  const base = { id: 'docker', client: 'Docker', file: '/etc/docker/daemon.json' };
  const insecure = address.isPlain ? { 'insecure-registries': [address.host] } : {};
  const isMirror = name === DOCKER_HUB_NAME && alias !== null;
  if (!isMirror && !address.isPlain) return { ...base, text: null, note: withoutMirror(name) };
  const mirrors = isMirror ? { 'registry-mirrors': [aliasOrigin(address, alias)] } : {};
  const text = JSON.stringify({ ...mirrors, ...insecure }, null, 2);
  const reload = 'Merge it into what the file holds, then run "systemctl reload docker".';
  return { ...base, text, note: isMirror ? reload : `${reload} ${withoutMirror(name)}` };
}

function withoutMirror(registry: string): string {
  return registry === DOCKER_HUB_NAME
    ? 'Docker asks a mirror at the root of a host, and this one has no host name for Docker Hub. Pull by the full name.'
    : 'Docker knows mirrors of Docker Hub only. Pull by the full name.';
}

function containerdFile({ origin }: ClientAddress, { name }: RegistryView): Snippet {
  const text = [
    `server = ${quoted(`https://${name === DOCKER_HUB_NAME ? DOCKER_HUB_HOST : name}`)}`,
    '',
    `[host.${quoted(origin)}]`,
    '  capabilities = ["pull", "resolve"]', // without "resolve" tags would still be asked of upstream
  ].join('\n');
  const note =
    'For Kubernetes, nerdctl and ctr --hosts-dir. It is read at each pull; the configuration of containerd must name the ' +
    'folder /etc/containerd/certs.d as config_path of its registry. What is not here is got from upstream.';
  return { id: 'containerd', client: 'containerd', file: `/etc/containerd/certs.d/${name}/hosts.toml`, text, note };
}

function podmanFile({ host, isPlain }: ClientAddress, { name }: RegistryView): Snippet {
  const text = [
    '[[registry]]',
    `prefix = ${quoted(name)}`,
    `location = ${quoted(name)}`,
    '',
    '[[registry.mirror]]',
    `location = ${quoted(`${host}/${name}`)}`,
    ...(isPlain ? ['insecure = true'] : []),
  ].join('\n');
  const file = `/etc/containers/registries.conf.d/${name}.conf`;
  const note = 'For Podman, Buildah, Skopeo and CRI-O. What is not here is got from upstream.';
  return { id: 'podman', client: 'Podman', file, text, note };
}

function aliasOrigin({ origin }: ClientAddress, alias: string): string {
  const { protocol, port } = new URL(origin);
  return `${protocol}//${alias}${port === '' ? '' : `:${port}`}`;
}

function command(id: string, client: string, text: string, note = ''): Snippet {
  return { id, client, file: '', text, note };
}

/** A basic string of TOML 1.0, for which JSON will do. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
