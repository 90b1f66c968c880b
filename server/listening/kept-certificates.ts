import type { SecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { CertificateFiles } from '../../config/settings.js';
import { messageOf } from '../../core/errors.js';
import { Certificates, stateOf } from './certificates.js';

export interface KeptOptions {
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds between looks at the files. */
  readonly lookEveryMs: number;
  /** Told of those that are used from now on. */
  readonly onChange: (certificates: Certificates) => void;
}

/** The certificates of one listener, read again when their files change; those that cannot be used change nothing. */
export class KeptCertificates {
  /** Of the files when they were last read, with or without success. */
  #tried: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(
    private files: readonly CertificateFiles[],
    private current: Certificates,
    private readonly options: KeptOptions,
  ) {
    this.#tried = current.state;
    this.#timer = setInterval(() => void this.#look(), options.lookEveryMs);
    this.#timer.unref();
  }

  /** @throws MillpondError invalid */
  static async open(files: readonly CertificateFiles[], options: KeptOptions): Promise<KeptCertificates> {
    return new KeptCertificates(files, await Certificates.read(files), options);
  }

  get first(): { readonly cert: Buffer; readonly key: Buffer } {
    return this.current.all[0];
  }

  contextFor(host: string): SecureContext {
    return this.current.for(host).context;
  }

  /** Those of `files`, to be used by `use`; of the same files as before, the ones before where they are broken now. @throws MillpondError invalid */
  async read(files: readonly CertificateFiles[]): Promise<Certificates> {
    return this.#hasFiles(files) ? ((await this.#readAgain()) ?? this.current) : Certificates.read(files);
  }

  use(files: readonly CertificateFiles[], certificates: Certificates): void {
    this.files = files;
    if (certificates === this.current) return;
    this.current = certificates;
    this.#tried = certificates.state;
    this.options.onChange(certificates);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { files } = this;
    const read = await this.#readAgain();
    if (!read || files !== this.files) return;
    this.use(files, read);
    this.options.log.info(
      { files: files.map(({ cert }) => cert) },
      'certificates have changed and are used from now on',
    );
  }

  /** Undefined where nothing has changed, or what is there now cannot be used. */
  async #readAgain(): Promise<Certificates | undefined> {
    const { files } = this;
    const state = await stateOf(files);
    if (state === this.#tried) return undefined;
    this.#tried = state;
    try {
      return await Certificates.read(files);
    } catch (error) {
      this.options.log.warn({ err: error }, `${messageOf(error)}; the certificate before is still used`);
      return undefined;
    }
  }

  #hasFiles(files: readonly CertificateFiles[]): boolean {
    return JSON.stringify(files) === JSON.stringify(this.files);
  }
}
