import type { Command } from 'commander';
import { jsonSchema } from '../../config/json-schema.js';
import type { CliContext } from '../context.js';

export function addSchema(program: Command, context: CliContext): void {
  program
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(async () => {
      const schema = jsonSchema();
      await context.print(schema, () => JSON.stringify(schema, null, 2));
    });
}
