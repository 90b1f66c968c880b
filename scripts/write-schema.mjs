// Writes config/millpond.schema.json from the built program: npm run build && node scripts/write-schema.mjs
import { writeFileSync } from 'node:fs';
import { jsonSchema } from '../dist/config/json-schema.js';

writeFileSync(new URL('../config/millpond.schema.json', import.meta.url), `${JSON.stringify(jsonSchema(), null, 2)}\n`);
