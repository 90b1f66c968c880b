import type { DebSpec } from './deb-package.js';

const DOCS = `Millpond quick start
====================

This package came through a mirror: an rsync daemon on this machine exports a small signed apt repository, and
Millpond pulls it once a minute, publishes it whole and serves it over HTTP.
`;

/** The packages of the quick start at `revision` (counted from 1): each revision brings a new millpond-hello. */
export function packagesAt(revision: number): DebSpec[] {
  return [helloAt(revision), docs()];
}

export function helloAt(revision: number): DebSpec {
  const version = `1.0.${revision}`;
  return {
    name: 'millpond-hello',
    version,
    description: 'greeting from the quick start of Millpond',
    files: { '/usr/bin/millpond-hello': `#!/bin/sh\necho "Hello from the pond, version ${version}."\n` },
  };
}

function docs(): DebSpec {
  return {
    name: 'millpond-docs',
    version: '1.0',
    description: 'what the quick start of Millpond shows',
    files: { '/usr/share/doc/millpond-docs/README': DOCS },
  };
}
