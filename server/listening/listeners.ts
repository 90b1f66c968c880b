import type { ListenSettings } from '../../config/settings.js';
import { MillpondError } from '../../core/errors.js';
import type { PassedSocket } from '../../platform/systemd-sockets.js';
import { Listener, type ListenerParts } from './listener.js';
import { areInTheWay, keyOf, placeWords, wantedPlaces, type NamedPlace, type Wanted } from './places.js';

interface Open {
  /** As it was asked for. */
  readonly key: string;
  readonly listener: Listener;
}

/** The places that are listened on. They can be changed while requests are served. */
export class HttpListeners {
  #open: readonly Open[] = [];
  /** Those that take no more connections and still serve running requests. */
  readonly #leaving = new Map<Listener, Promise<void>>();
  #passed: readonly PassedSocket[];

  /** `passed` are the sockets that systemd has opened for this process. */
  constructor(
    private readonly parts: ListenerParts,
    passed: readonly PassedSocket[] = [],
  ) {
    this.#passed = passed;
  }

  /** Those that are listened on now, with the ports that were really taken. */
  get places(): NamedPlace[] {
    return this.#open.map(({ key, listener }) => ({ key, wanted: listener.asTaken }));
  }

  /** Base URLs at which plain HTTP is answered now, without a proxy before it. */
  get plainUrls(): string[] {
    const plain = this.#open.filter(({ listener: { asTaken } }) => !asTaken.tls && !asTaken.proxyProtocol);
    return plain.map(({ listener }) => listener.url).filter((url) => url.startsWith('http://'));
  }

  /**
   * Listens on the places of the settings and on no others. When a new one cannot be opened, the old ones are listened
   * on as before. Returns the base URLs. @throws MillpondError invalid, unavailable
   */
  async apply(settings: Pick<ListenSettings, 'http' | 'https'>): Promise<string[]> {
    const wanted = new Map(wantedPlaces(settings, this.#passed).map((each) => [keyOf(each), each]));
    const { kept, added, dropped, inTheWay } = this.#compare(wanted);
    refuseOtherScheme(added, dropped);
    const changes = await Promise.all(kept.map(({ key, listener }) => changeOf(listener, wanted.get(key))));
    for (const { listener } of inTheWay) void this.#leave(listener);
    const opened: Open[] = [];
    try {
      for (const each of added) opened.push(await this.#openOne(each, keyOf(each)));
    } catch (error) {
      for (const { listener } of opened) void this.#leave(listener);
      this.#open = this.#open.filter((each) => !inTheWay.includes(each));
      await this.#openAgain(inTheWay, error);
      throw error;
    }
    for (const { listener } of dropped) if (!this.#leaving.has(listener)) this.#giveUp(listener);
    this.#open = [...kept, ...opened];
    for (const change of changes) await change();
    return this.#open.map(({ listener }) => listener.url);
  }

  /** No new connections; running requests get `graceMs` to finish, then they are cut. */
  async close(graceMs: number): Promise<void> {
    for (const { listener } of this.#open) void this.#leave(listener);
    this.#open = [];
    const leaving = [...this.#leaving];
    const cut = setTimeout(() => leaving.forEach(([listener]) => listener.cut()), graceMs);
    await Promise.all(leaving.map(([, left]) => left));
    clearTimeout(cut);
  }

  #compare(wanted: ReadonlyMap<string, Wanted>) {
    const kept = this.#open.filter(({ key }) => wanted.has(key));
    const added = [...wanted].filter(([key]) => !kept.some((each) => each.key === key)).map(([, each]) => each);
    const dropped = this.#open.filter(({ key }) => !wanted.has(key));
    // our own place must be given up before one that contains it, or is contained in it, can be taken
    const inTheWay = dropped.filter(({ listener }) => added.some(({ place }) => areInTheWay(place, listener.place)));
    return { kept, added, dropped, inTheWay };
  }

  async #openOne(wanted: Wanted, key: string): Promise<Open> {
    return { key, listener: await Listener.open(this.parts, wanted) };
  }

  async #openAgain(before: readonly Open[], because: unknown): Promise<void> {
    try {
      for (const { key, listener } of before) this.#open = [...this.#open, await this.#openOne(listener.asTaken, key)];
    } catch (error) {
      const message = because instanceof MillpondError ? because.message : String(because);
      throw new MillpondError('unavailable', `${message}, and the address before was taken meanwhile`, {
        hint: 'Choose a free address in listen and reload again.',
        cause: error,
      });
    }
  }

  /** A socket that systemd has passed is closed with its listener: another start is needed to have it back. */
  #giveUp(listener: Listener): void {
    const { place } = listener;
    if (place.kind === 'passed')
      this.#passed = this.#passed.filter(({ descriptor }) => descriptor !== place.descriptor);
    void this.#leave(listener);
  }

  #leave(listener: Listener): Promise<void> {
    const left = listener.leave().finally(() => this.#leaving.delete(listener));
    this.#leaving.set(listener, left);
    return left;
  }
}

/** What systemd has passed cannot be closed and opened again. */
function refuseOtherScheme(added: readonly Wanted[], dropped: readonly Open[]): void {
  const isHeld = ({ place }: Wanted): boolean =>
    place.kind === 'passed' &&
    dropped.some(({ listener }) => listener.place.kind === 'passed' && listener.place.descriptor === place.descriptor);
  const held = added.find(isHeld);
  if (!held) return;
  const words = placeWords(held.place);
  throw new MillpondError('invalid', `${words} cannot go from HTTP to HTTPS, or back, while Millpond runs`, {
    hint: 'Restart Millpond.',
  });
}

async function changeOf(listener: Listener, wanted: Wanted | undefined): Promise<() => Promise<void>> {
  return wanted ? listener.prepare(wanted) : () => Promise.resolve();
}
