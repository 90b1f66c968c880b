import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MillpondError } from '../../../../core/errors.js';
import { RegistryCredentials } from '../../../../sync/upstreams/oci/registry-credentials.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';
import { registryAt } from './registry-scene.js';

const AUTH = Buffer.from('us:hunter2:x').toString('base64');
const PASSWORD = { kind: 'password', user: 'us', password: 'hunter2:x' };

async function credentialsOf(content: unknown, name = 'docker.io', url = 'https://registry-1.docker.io') {
  const path = join(await tempFolder(), 'config.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  await chmod(path, 0o600);
  return { path, credentials: new RegistryCredentials(registryAt(url, { name, credentials: path })) };
}

function refusalOf(credentials: RegistryCredentials): MillpondError {
  try {
    credentials.get();
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error;
    expect(`${error.message} ${error.hint}`).not.toMatch(/hunter2|aHVudGVy/);
    expect(error.code).toBe('invalid');
    return error;
  }
  throw new Error('it was accepted');
}

describe('RegistryCredentials', () => {
  it.each([
    ...['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'https://registry-1.docker.io/v2/', 'Docker.io'],
  ])('finds Docker Hub as %s', async (key) => {
    const { credentials } = await credentialsOf({ auths: { 'quay.io': { auth: 'eDp5' }, [key]: { auth: AUTH } } });
    expect(credentials.get()).toEqual(PASSWORD);
    expect(credentials.account()).toBe('us');
  });

  it.each(['lab', 'https://registry.lab.example:5000', 'registry.lab.example:5000/v2'])(
    'finds another registry by its name or host, as %s',
    async (key) => {
      const auths = { 'registry.lab.example': {}, [key]: { username: 'us', password: 'hunter2:x' } };
      const { credentials } = await credentialsOf({ auths }, 'lab', 'https://registry.lab.example:5000');
      expect(credentials.get()).toEqual(PASSWORD);
    },
  );

  it('prefers an entry for all of the registry to one for a part of it', async () => {
    const auths = { 'quay.io/team': { auth: 'eDp5' }, 'https://quay.io/': { auth: AUTH } };
    const { credentials } = await credentialsOf({ auths }, 'quay.io', 'https://quay.io');
    expect(credentials.get()).toEqual(PASSWORD);
  });

  it('takes a token of identity before a password', async () => {
    const { credentials } = await credentialsOf({ auths: { 'docker.io': { auth: AUTH, identitytoken: 'hunter2' } } });
    expect(credentials.get()).toEqual({ kind: 'identity-token', token: 'hunter2' });
    expect(credentials.account()).toBe('<token>');
  });

  it('is nobody where no file is configured', () => {
    const credentials = new RegistryCredentials(registryAt('https://quay.io'));
    expect(credentials.get()).toBeNull();
    expect(credentials.account()).toBe('');
  });

  it('reads the file again when it has changed', async () => {
    const { path, credentials } = await credentialsOf({ auths: { 'docker.io': { auth: AUTH } } });
    const before = credentials.get();
    expect(credentials.get()).toBe(before);
    await writeFile(path, JSON.stringify({ auths: { 'docker.io': { username: 'them', password: 'other' } } }));
    expect(credentials.get()).toEqual({ kind: 'password', user: 'them', password: 'other' });
    await chmod(path, 0o604);
    expect(refusalOf(credentials).message).toContain('is open to every user of this machine');
  });

  it.each([
    ['{"hunter2', 'is not JSON'],
    ['[]', 'has no "auths"'],
    [{ auths: [] }, 'has no "auths"'],
    [{ auths: {} }, 'has no entry for docker.io'],
    [{ auths: { 'quay.io': { auth: AUTH } } }, 'has no entry for docker.io'],
    [{ auths: { 'docker.io': 'hunter2' } }, 'has no entry for docker.io'],
    [{ auths: { 'docker.io': {} }, credsStore: 'desktop' }, 'has no user and password'],
    [{ auths: { 'docker.io': { auth: 'aHVudGVyMg==' } } }, 'has no user and password'],
    [`{"auths":{"x":"${'hunter2'.repeat(200_000)}"}}`, 'holds more than 1048576 bytes'],
  ])('refuses a file whose content is of no use: %#', async (content, message) => {
    const { path, credentials } = await credentialsOf(content);
    expect(refusalOf(credentials).message).toContain(`the credentials file "${path}" ${message}`);
  });

  it('refuses one that is not there, and says the mode that others may read', async () => {
    const missing = new RegistryCredentials(registryAt('https://quay.io', { credentials: '/nowhere/config.json' }));
    expect(refusalOf(missing).message).toBe('the credentials file "/nowhere/config.json" does not exist');
    const { path, credentials } = await credentialsOf({ auths: { 'docker.io': { auth: AUTH } } });
    await chmod(path, 0o644);
    expect(refusalOf(credentials).hint).toBe(`Close it: chmod 600 ${path}`);
  });
});
