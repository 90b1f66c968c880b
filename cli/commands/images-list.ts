import type { Command } from 'commander';
import { shortDigest } from '../../core/oci/digest.js';
import type { RepositoryOrigin } from '../../core/oci/repository.js';
import { utcMinute } from '../../core/sentence.js';
import { formatBytes, formatCount } from '../../core/units.js';
import type { RepositorySummary, RepositoryWithTags, TagWithHistory } from '../../server/control-images.js';
import type { CliContext } from '../context.js';
import { parseImageName } from '../image-name.js';
import { table } from '../table.js';

const ORIGIN_WORDS: Readonly<Record<RepositoryOrigin, string>> = {
  mirrored: 'mirrored',
  cached: 'fetched on demand',
  hosted: 'pushed',
};

export function addImagesList(images: Command, context: CliContext): void {
  images
    .command('ls')
    .description('list all repositories of images, the tags of one, or what a tag pointed to before')
    .argument('[repository[:tag]]')
    .action(async (name: string | undefined) => {
      const client = context.client();
      if (name === undefined) {
        const repositories = await client.repositories();
        return context.print(repositories, () => repositoriesText(repositories));
      }
      const { repository, tag } = parseImageName(name);
      if (tag === null) {
        const found = await client.repository(repository);
        return context.print(found, () => tagsText(found));
      }
      const found = await client.imageTag(repository, tag);
      return context.print(found, () => historyText(found));
    });
}

function repositoriesText(repositories: readonly RepositorySummary[]): string {
  if (repositories.length === 0) return 'There are no images yet.';
  const rows = repositories.map(({ name, origin, tags, logical, own }) => [
    ...[name, ORIGIN_WORDS[origin], formatCount(tags)],
    ...[formatBytes(logical), formatBytes(own)],
  ]);
  const all = table([['REPOSITORY', 'COMES', 'TAGS', 'SIZE', 'OWN'], ...rows]);
  const troubles = troubleLines(repositories);
  return troubles.length === 0 ? all : [all, '', ...troubles].join('\n');
}

/** One for each registry that cannot be asked. */
function troubleLines(repositories: readonly RepositorySummary[]): string[] {
  const lines = repositories.map(({ upstream }) =>
    upstream === null || upstream.troubleSince === null
      ? ''
      : `${upstream.registry} cannot be asked since ${utcMinute(upstream.troubleSince)}; what is here is served.`,
  );
  return [...new Set(lines)].filter((line) => line !== '').sort();
}

function tagsText(repository: RepositoryWithTags): string {
  const { name, origin, tags, logical, own, list } = repository;
  const size =
    `${name}: ${ORIGIN_WORDS[origin]}, ${formatCount(tags)} ${tags === 1 ? 'tag' : 'tags'}, ${formatBytes(logical)}, ` +
    `of which ${formatBytes(own)} no other repository has`;
  const head = [size, ...troubleLines([repository])].join('\n');
  if (list.length === 0) return head;
  const rows = list.map(({ tag, digest, movedAt, checkedAt, staleSince, pulls, pulledAt }) => [
    ...[tag, shortDigest(digest), utcMinute(movedAt)],
    `${checkedAt === null ? '-' : utcMinute(checkedAt)}${staleSince === null ? '' : ` (fails since ${utcMinute(staleSince)})`}`,
    ...[formatCount(pulls), pulledAt === null ? '-' : utcMinute(pulledAt)],
  ]);
  return [head, '', table([['TAG', 'DIGEST', 'SINCE', 'COMPARED', 'PULLS', 'LAST PULL'], ...rows])].join('\n');
}

function historyText({ repository, tag, current, history }: TagWithHistory): string {
  const now = current === null ? [] : [[shortDigest(current.digest), utcMinute(current.movedAt), 'now']];
  const before = history.map(({ digest, movedAt, replacedAt, isHere }) => [
    ...[shortDigest(digest), utcMinute(movedAt)],
    `${utcMinute(replacedAt)}${isHere ? '' : ' (not here any more)'}`,
  ]);
  const rows = table([['DIGEST', 'SINCE', 'UNTIL'], ...now, ...before]);
  if (!history.some(({ isHere }) => isHere)) return rows;
  return `${rows}\n\nTo go back to one: millpond images rollback ${repository} ${tag} --to DIGEST`;
}
