import { InvalidArgumentError, type Command } from 'commander';
import { utcMinute } from '../../core/sentence.js';
import { parseDuration } from '../../core/units.js';
import type { CreatedToken } from '../../server/control-tokens.js';
import type { TokenRecord } from '../../store/tokens.js';
import type { CliContext } from '../context.js';
import { table } from '../table.js';

interface CreateOptions {
  readonly push: readonly string[];
  readonly expires?: number;
}

export function addToken(program: Command, context: CliContext): void {
  const token = program.command('token').description('secrets with which clients may push images');
  addCreate(token, context);
  token
    .command('ls')
    .description('list all tokens; their secrets are not kept')
    .action(async () => {
      const tokens = await context.client().tokens();
      await context.print(tokens, () => tokensText(tokens, context.clock()));
    });
  token
    .command('rm')
    .description('remove a token: its secret opens nothing any more, at once')
    .argument('<name>')
    .action(async (name: string) => {
      const removed = await context.client().removeToken(name);
      await context.print(removed, () => `The token ${name} is removed.`);
    });
}

function addCreate(token: Command, context: CliContext): void {
  token
    .command('create')
    .description('make a token and print its secret, this once')
    .argument('[name]', 'for people: who or what has it; token-1 and so on where it is not given')
    .requiredOption('--push <pattern>', 'repositories that it opens, as lab/*; may be given several times', collect)
    .option('--expires <time>', 'as 90d; else it is good until it is removed', seconds)
    .action(async (name: string | undefined, { push, expires }: CreateOptions) => {
      const created = await context.client().createToken({ name: name ?? null, push, expires: expires ?? null });
      await context.print(created, () => created.secret);
      if (!context.json) context.note(createdText(created));
    });
}

/** Beside the secret, so that a script can take that alone from the output. */
function createdText({ token, allowed }: CreatedToken): string {
  const until = token.expiresAt === null ? '' : ` until ${utcMinute(token.expiresAt)}`;
  const open = `The token ${token.name} may push to ${token.push.join(', ')}${until}. Keep it: it is not shown again.`;
  const closed = 'Nobody can push yet: "registry.push" in the configuration opens no repository.';
  return [open, ...(allowed.length === 0 ? [closed] : [])].join('\n');
}

function tokensText(tokens: readonly TokenRecord[], now: number): string {
  if (tokens.length === 0) return 'There are no tokens. To make one: millpond token create --push "lab/*"';
  const rows = tokens.map(({ name, push, createdAt, expiresAt, usedAt }) => [
    ...[name, push.join(', '), utcMinute(createdAt), expiresText(expiresAt, now)],
    usedAt === null ? 'never' : utcMinute(usedAt),
  ]);
  return table([['TOKEN', 'MAY PUSH TO', 'MADE', 'GOOD UNTIL', 'USED'], ...rows]);
}

function expiresText(at: number | null, now: number): string {
  if (at === null) return 'removed';
  return `${utcMinute(at)}${at <= now ? ' (expired)' : ''}`;
}

function collect(pattern: string, before: readonly string[] = []): readonly string[] {
  return [...before, pattern];
}

function seconds(text: string): number {
  const duration = parseDuration(text);
  if (duration === undefined || duration < 60)
    throw new InvalidArgumentError('It must be a time of at least a minute: write it as 90d or 12h.');
  return duration;
}
