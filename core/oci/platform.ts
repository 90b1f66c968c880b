/** Operating system and architecture of an image, as in an index (OCI image specification, "Image Index"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** `v7` of arm, `v8` of arm64, ...; empty where none is given. */
  readonly variant: string;
}

const PLATFORM = /^([a-z0-9]+)\/([a-z0-9]+)(?:\/([a-z0-9.]+))?$/;

/** Reads `linux/amd64` or `linux/arm/v7`; undefined for anything else. */
export function parsePlatform(text: string): Platform | undefined {
  const [, os, architecture, variant = ''] = PLATFORM.exec(text) ?? [];
  return os === undefined || architecture === undefined ? undefined : { os, architecture, variant };
}

export function platformText({ os, architecture, variant }: Platform): string {
  return variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** Whether `found` is what `wanted` asks for; one without a variant asks for any. */
export function isPlatform(wanted: Platform, found: Platform): boolean {
  const same = wanted.os === found.os && wanted.architecture === found.architecture;
  return same && (wanted.variant === '' || wanted.variant === found.variant);
}
