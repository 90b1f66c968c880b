import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { IndexFault } from '../index-fault.js';
import { tarEntries } from '../tar.js';
import { GzipMembers, NoMembers } from './gzip-members.js';

/** Bytes of signature and description; those of Alpine have under 100,000. */
const LARGEST_CONTROL = 32 * 1024 * 1024;

/**
 * What an index tells of a package: SHA-1 of its description as it is packed (`C:Q1...`), in hexadecimal; null where it is
 * no package, or its data are not what the description tells (`datahash`, SHA-256), so that every byte behind the
 * signature is looked at. (https://wiki.alpinelinux.org/wiki/Apk_spec) @throws the signal's reason, system errors
 */
export async function apkPackageHash(path: Buffer, signal: AbortSignal): Promise<string | null> {
  const members = new GzipMembers();
  const ofData = createHash('sha256');
  let front = Buffer.alloc(0);
  let control: Buffer | null = null;
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 256 * 1024 })) {
    if (control) {
      ofData.update(chunk as Buffer);
      continue;
    }
    front = Buffer.concat([front, chunk as Buffer]);
    if (front.length > LARGEST_CONTROL) return null;
    if (!tryPush(members, chunk as Buffer)) return null;
    if (!isDivided(members)) continue;
    const [start, end] = members.starts.slice(members.isSigned ? 1 : 0);
    control = front.subarray(start, end);
    ofData.update(front.subarray(end));
  }
  if (!control) return null;
  const told = await datahashOf(control);
  if (told !== null && told !== ofData.digest('hex')) return null;
  return createHash('sha1').update(control).digest('hex');
}

/** Where the data begin is known. */
function isDivided(members: GzipMembers): boolean {
  return members.starts.length > (members.isSigned ? 2 : 1);
}

function tryPush(members: GzipMembers, bytes: Buffer): boolean {
  try {
    members.push(bytes, isDivided);
    return true;
  } catch (error) {
    if (error instanceof NoMembers) return false;
    throw error;
  }
}

async function datahashOf(control: Buffer): Promise<string | null> {
  try {
    const plain = gunzipSync(control, { maxOutputLength: LARGEST_CONTROL });
    const options = { wants: (name: string) => name === '.PKGINFO', largest: LARGEST_CONTROL };
    for await (const [info] of tarEntries(once(plain), options)) {
      const found = info && /^datahash = ([0-9a-f]{64})$/m.exec(info.content.toString('latin1'));
      if (found) return found[1] ?? null;
    }
  } catch (error) {
    if (!(error instanceof IndexFault) && !(error instanceof Error && 'code' in error)) throw error;
  }
  return null;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}
