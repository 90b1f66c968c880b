import { isDigest } from './digest.js';

// OCI distribution specification 1.1, "Pulling manifests"
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** With a host and a slash before it, a name stays within 255 characters; many clients ask for that. */
const LONGEST_REPOSITORY = 200;

export function isRepositoryName(text: string): boolean {
  return text.length <= LONGEST_REPOSITORY && REPOSITORY.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** A tag or a digest: nothing else refers to a manifest. */
export function isReference(text: string): boolean {
  return isTag(text) || isDigest(text);
}

/** Docker Hub under all the names that clients have for it. */
const DOCKER_HUB: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
export const DOCKER_HUB_NAME = 'docker.io';

/** The one name of a registry: lower case, and Docker Hub always as `docker.io`. */
export function canonicalRegistry(host: string): string {
  const name = host.toLowerCase();
  return DOCKER_HUB.has(name) ? DOCKER_HUB_NAME : name;
}

/** The repository as its registry has it: Docker Hub keeps names of one part under `library/`. */
export function canonicalRepository(registry: string, repository: string): string {
  return registry === DOCKER_HUB_NAME && !repository.includes('/') ? `library/${repository}` : repository;
}
