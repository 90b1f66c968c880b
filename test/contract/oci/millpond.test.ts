import { basic, openRegistry } from '../../server/oci/registry-scene.js';
import { distributionContract } from './suite.js';

distributionContract('Millpond', async () => {
  const scene = await openRegistry();
  const secret = scene.addToken('contract', ['contract/**']);
  return { url: scene.url, authorization: basic(secret), stop: () => scene.close() };
});
