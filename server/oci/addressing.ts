import { followedUpstream } from '../../config/followed-upstream.js';
import type { Settings } from '../../config/settings.js';
import { OciError } from '../../core/oci/errors.js';
import type { Registry } from '../../core/oci/image-mirror.js';
import { canonicalRegistry, canonicalRepository, isRepositoryName } from '../../core/oci/names.js';

/** What a client says about which repository it means. */
export interface Address {
  /** Of the path; a valid name. */
  readonly name: string;
  /** The host that the client speaks to, without a port, in small letters. */
  readonly host: string;
  /** The `ns` of its query; null when there is none. */
  readonly namespace: string | null;
}

/** A repository, by its full name here. */
export interface Place {
  readonly repository: string;
  /** The upstream that it follows; null is one of our own. */
  readonly registry: Registry | null;
  /** `ns` as the client gave it, where it was used: it is answered in OCI-Namespace. */
  readonly namespace: string | null;
}

/**
 * Which repository is meant. A registry at the begin of the name wins over the host alias, that over `ns`: clients send
 * `ns` also with a path that an operator has given them. `ns` is a key into the configuration, never an address.
 * @throws OciError NAME_UNKNOWN, NAME_INVALID
 */
export function resolvePlace(settings: Settings, address: Address): Place {
  const { name, namespace } = address;
  const slash = name.indexOf('/');
  const prefix = slash < 0 ? undefined : settings.registries.get(canonicalRegistry(name.slice(0, slash)));
  if (prefix) return below(settings, prefix, { name: name.slice(slash + 1), namespace: null });
  const alias = registryOfAlias(settings, address.host);
  if (alias) return below(settings, alias, { name, namespace: null });
  if (namespace !== null && !isOurs(settings, address.host, namespace)) {
    const registry = settings.registries.get(canonicalRegistry(namespace)) ?? registryOfAlias(settings, namespace);
    if (!registry) throw new OciError('NAME_UNKNOWN', { message: 'the registry named in "ns" is not mirrored here' });
    return below(settings, registry, { name, namespace });
  }
  return { repository: name, registry: followedUpstream(settings, name)?.registry ?? null, namespace: null };
}

/** The registry whose repositories are at the root of this host. */
export function registryOfAlias(settings: Settings, host: string): Registry | undefined {
  const wanted = host.toLowerCase();
  for (const registry of settings.registries.values()) if (registry.alias?.toLowerCase() === wanted) return registry;
  return undefined;
}

function below(settings: Settings, registry: Registry, { name, namespace }: Omit<Address, 'host'>): Place {
  const repository = `${registry.name}/${canonicalRepository(registry.name, name)}`;
  if (!isRepositoryName(repository)) throw new OciError('NAME_INVALID');
  return { repository, registry: followedUpstream(settings, repository)?.registry ?? registry, namespace };
}

/** A client that reaches us by another address, through a mirror file, names us as the registry. */
function isOurs(settings: Settings, host: string, namespace: string): boolean {
  const name = namespace.replace(/:\d+$/, '').toLowerCase();
  return name === host || (settings.site.url !== null && name === new URL(settings.site.url).hostname);
}
