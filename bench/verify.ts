import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createSigningKey, exportPublicKey, signRelease, type SigningKey } from '../cli/quickstart/signing-key.js';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { Report, type ReportOptions } from './report.js';
import type { Task } from './verify-once.js';
import { outputOf, Workbench } from './workbench.js';

export interface VerifyOptions extends ReportOptions {
  readonly packages: number;
  readonly changed: number;
  readonly repeat: number;
}

/** Goals of the whole verification and of that after a change: seconds, and bytes of memory. */
const GOALS = { whole: 60, change: 2, memory: 400e6 };
const INDEX = 'main/binary-amd64/Packages';
/** As long as those of Debian are. */
const DEPENDS = Array.from({ length: 12 }, (_, n) => `libsomething${n} (>= 1.${n}.0-2)`).join(', ');

/** The cost of verifying an apt archive: all of it, and after a change. Each in a process of its own. */
export async function benchVerify(options: VerifyOptions): Promise<void> {
  const report = new Report('verify', options);
  await Workbench.use(async ({ folder }) => {
    const archive = await Archive.build(folder, options.packages);
    const task = { root: archive.root, keyring: archive.keyring, records: join(folder, 'records') };
    const whole: Measured[] = [];
    const change: Measured[] = [];
    for (let round = 0; round < options.repeat; round++) {
      rmSync(task.records, { recursive: true, force: true });
      whole.push(await measure({ ...task, published: null, changed: null }));
      const published = join(folder, `published-${round}`);
      await outputOf('cp', ['-al', archive.root, published]);
      change.push(await measure({ ...task, published, changed: await archive.grow(options.changed) }));
    }
    const worst = (all: Measured[], of: keyof Measured): number => Math.max(...all.map((one) => one[of]));
    report.within(`all of ${options.packages} packages, seconds`, worst(whole, 'seconds'), GOALS.whole);
    report.within('  peak memory, MB', worst(whole, 'bytes') / 1e6, GOALS.memory / 1e6);
    report.within(`after a change of ${options.changed}, seconds`, worst(change, 'seconds'), GOALS.change);
    report.within('  peak memory, MB', worst(change, 'bytes') / 1e6, GOALS.memory / 1e6);
  });
}

interface Measured {
  readonly seconds: number;
  readonly bytes: number;
}

async function measure(task: Task): Promise<Measured> {
  const script = join(PACKAGE_ROOT, 'dist', 'bench', 'verify-once.js');
  const printed = await outputOf(process.execPath, [script, JSON.stringify(task)]);
  const { ms, peakBytes, findings } = JSON.parse(printed) as { ms: number; peakBytes: number; findings: unknown[] };
  if (findings.length > 0) throw new Error(`something was found: ${JSON.stringify(findings)}`);
  return { seconds: ms / 1000, bytes: peakBytes };
}

/** An archive with one index of many small packages, signed as real ones are. */
class Archive {
  readonly #paragraphs: string[] = [];
  readonly #key: SigningKey;
  readonly root: string;
  readonly keyring: string;

  private constructor(private readonly folder: string) {
    this.root = join(folder, 'archive');
    this.keyring = join(folder, 'archive.gpg');
    this.#key = { home: join(folder, 'gnupg'), userId: 'Bench <bench@localhost>' };
  }

  static async build(folder: string, packages: number): Promise<Archive> {
    const archive = new Archive(folder);
    await createSigningKey(archive.#key);
    await exportPublicKey(archive.#key, archive.keyring, `${archive.keyring}.asc`);
    for (let n = 0; n < packages; n++) archive.#add();
    await archive.#publish();
    return archive;
  }

  /** More packages; returns a file that names all that was changed. */
  async grow(packages: number): Promise<string> {
    const paths = Array.from({ length: packages }, () => this.#add());
    await this.#publish();
    const suite = ['InRelease', 'Release', 'Release.gpg', `${INDEX}.gz`, `${INDEX}.xz`];
    const file = join(this.folder, 'changed');
    writeFileSync(file, [...paths, ...suite.map((name) => `dists/stable/${name}`)].join('\n'));
    return file;
  }

  #add(): string {
    const n = this.#paragraphs.length;
    const name = `package-${n}`;
    const path = `pool/main/${n % 30}/${n % 20_000}/${name}_1.0-1_amd64.deb`;
    const content = `the bytes of ${name}\n`.repeat(20);
    mkdirSync(join(this.root, path, '..'), { recursive: true });
    writeFileSync(join(this.root, path), content);
    const hash = createHash('sha256').update(content).digest('hex');
    this.#paragraphs.push(
      [
        ...[`Package: ${name}`, 'Version: 1.0-1', 'Architecture: amd64', 'Maintainer: Somebody <somebody@localhost>'],
        ...[`Depends: ${DEPENDS}`, 'Description: a package of many', `Description-md5: ${hash.slice(0, 32)}`],
        ...['Section: misc', 'Priority: optional', `Filename: ${path}`, `Size: ${content.length}`, `SHA256: ${hash}`],
      ].join('\n'),
    );
    return path;
  }

  async #publish(): Promise<void> {
    const suite = join(this.root, 'dists', 'stable');
    const index = join(suite, INDEX);
    const text = Buffer.from(`${this.#paragraphs.join('\n\n')}\n`);
    rmSync(suite, { recursive: true, force: true }); // its files may be shared with a published tree
    mkdirSync(join(index, '..'), { recursive: true });
    writeFileSync(index, text);
    await outputOf('xz', ['-1', '--keep', index]);
    writeFileSync(`${index}.gz`, gzipSync(text));
    const line = async (form: string): Promise<string> => {
      const sum = await outputOf('sha256sum', [`${index}${form}`]);
      const size = (await outputOf('stat', ['--format=%s', `${index}${form}`])).trim();
      return ` ${sum.slice(0, 64)} ${size} ${INDEX}${form}`;
    };
    const lines = [await line(''), await line('.gz'), await line('.xz')];
    rmSync(index);
    writeFileSync(join(suite, 'Release'), ['Origin: Bench', 'Suite: stable', 'SHA256:', ...lines, ''].join('\n'));
    await signRelease(this.#key, suite);
  }
}
