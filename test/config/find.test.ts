import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findConfig, USUAL_PLACES } from '../../config/find.js';
import { tempFolder } from '../fixtures/temp-folder.js';

describe('findConfig', () => {
  test('takes --config before MILLPOND_CONFIG before ./millpond.yaml, whether they exist or not', async () => {
    const cwd = await tempFolder();
    await writeFile(join(cwd, 'millpond.yaml'), '');
    const env = { MILLPOND_CONFIG: '/from/env.yaml' };
    expect(findConfig({ flag: 'flag.yaml', env, cwd })).toBe(join(cwd, 'flag.yaml'));
    expect(findConfig({ flag: undefined, env, cwd })).toBe('/from/env.yaml');
    expect(findConfig({ flag: undefined, env: { MILLPOND_CONFIG: '' }, cwd })).toBe(join(cwd, 'millpond.yaml'));
  });

  test('looks in /etc last', async () => {
    expect(USUAL_PLACES).toEqual(['millpond.yaml', '/etc/millpond/millpond.yaml']);
    const found = findConfig({ flag: undefined, env: {}, cwd: await tempFolder() });
    expect([null, '/etc/millpond/millpond.yaml']).toContain(found);
  });
});
