import { SaxesParser } from 'saxes';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, HOUR, makeMirror, NOW, openScene, type Scene } from './scene.js';

const ATOM = 'http://www.w3.org/2005/Atom';
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** Namespaces and well-formedness are seen to by the parser: it throws. */
function parseXml(text: string): Element {
  const parser = new SaxesParser({ xmlns: true });
  const top: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [top];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    const attributes = Object.fromEntries(Object.values(tag.attributes).map(({ name, value }) => [name, value]));
    const element: Element = { name: `{${tag.uri}}${tag.local}`, attributes, children: [], text: '' };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('text', (part) => {
    const element = open.at(-1);
    if (element) element.text += part;
  });
  parser.on('closetag', () => void open.pop());
  parser.write(text).close();
  const [root] = top.children;
  if (!root) throw new Error('no element');
  return root;
}

function childrenOf(element: Element, name: string): Element[] {
  return element.children.filter((child) => child.name === `{${ATOM}}${name}`);
}

/** The one child of that name: RFC 4287 wants exactly one of each that is asked for here. */
function only(element: Element, name: string): Element {
  const found = childrenOf(element, name);
  expect(found, `${name} in ${element.name}`).toHaveLength(1);
  return found[0] as Element;
}

/** Reads an Atom feed as RFC 4287 sections 4.1.1 and 4.1.2 want it. */
function readFeed(text: string): {
  updated: string;
  self: string;
  entries: { id: string; title: string; at: string; text: string }[];
} {
  const feed = parseXml(text);
  expect(feed.name).toBe(`{${ATOM}}feed`);
  expect(only(only(feed, 'author'), 'name').text).not.toBe('');
  expect(only(feed, 'title').text).not.toBe('');
  expect(URL.canParse(only(feed, 'id').text)).toBe(true);
  const updated = only(feed, 'updated').text;
  expect(updated).toMatch(RFC3339);
  const links = childrenOf(feed, 'link').map(({ attributes }) => attributes);
  expect(links.map(({ rel }) => rel).sort()).toEqual(['alternate', 'self']);
  const entries = childrenOf(feed, 'entry').map((entry) => {
    const at = only(entry, 'updated').text;
    expect(at).toMatch(RFC3339);
    const [link] = childrenOf(entry, 'link');
    expect(URL.canParse(link?.attributes['href'] ?? '')).toBe(true);
    expect(only(entry, 'content').attributes).toEqual({ type: 'text' });
    return { id: only(entry, 'id').text, title: only(entry, 'title').text, at, text: only(entry, 'content').text };
  });
  expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
  expect(entries.map(({ at }) => at)).toEqual(
    entries
      .map(({ at }) => at)
      .sort()
      .reverse(),
  );
  return { updated, self: links.find(({ rel }) => rel === 'self')?.['href'] ?? '', entries };
}

describe('feeds', () => {
  let scene: Scene;
  beforeEach(async () => {
    const mirrors = [makeMirror('debian', { title: 'Debian & friends' }), makeMirror('arch', { title: 'Arch <x>' })];
    scene = await openScene({ mirrors });
    addGeneration(scene, 'debian', { state: 'recycled', bytes: 1e9, publishedAt: NOW - 5 * HOUR });
    addGeneration(scene, 'debian', { bytes: 3e9, publishedAt: NOW - HOUR });
    addGeneration(scene, 'gone', { publishedAt: NOW });
    const state = { word: 'late', sentence: 'Last in step "long" ago & so on.' } as const;
    scene.store.verdicts.add({ mirror: 'arch', at: NOW - 2 * HOUR, ...state });
  });
  afterEach(() => scene.close());

  async function feed(name: string): Promise<ReturnType<typeof readFeed>> {
    const answer = await request(scene.http).get(`/feeds/${name}.atom`);
    expect(answer.headers['content-type']).toBe('application/atom+xml; charset=utf-8');
    return readFeed(answer.text || (answer.body as Buffer).toString());
  }

  it('tells publishes and changes of state of all mirrors, newest first', async () => {
    const { entries, updated, self } = await feed('all');
    expect(self).toBe('https://mirror.example.edu/feeds/all.atom');
    expect(updated).toBe(new Date(NOW - HOUR).toISOString());
    expect(entries.map(({ title, text }) => [title, text])).toEqual([
      ['Debian & friends: a new tree was published', '1,200 files, 3.0 GB (+2.0 GB).'],
      ['Arch <x>: late', 'Last in step "long" ago & so on.'],
      ['Debian & friends: a new tree was published', '1,200 files, 1.0 GB.'],
    ]);
  });

  it('stays well-formed whatever an operator or an upstream has written', async () => {
    const sentence = 'Paused: \u0007bell \u001b[1m \ufffe.';
    scene.store.verdicts.add({ mirror: 'arch', at: NOW, word: 'paused', sentence });
    expect((await feed('arch')).entries[0]?.text).toBe('Paused:  bell  [1m  .');
  });

  it('tells of one mirror alone, also before anything has happened to it', async () => {
    expect((await feed('arch')).entries.map(({ title }) => title)).toEqual(['Arch <x>: late']);
    scene.settings = { ...scene.settings, mirrors: new Map([['new', makeMirror('new')]]) };
    expect(await feed('new')).toMatchObject({ entries: [], updated: '1970-01-01T00:00:00.000Z' });
  });

  it('grows no further than readers look', async () => {
    for (let at = 0; at < 100; at++)
      scene.store.verdicts.add({ mirror: 'arch', at: NOW + at, word: at % 2 ? 'late' : 'current', sentence: 'S.' });
    const { entries } = await feed('all');
    expect(entries).toHaveLength(60);
    expect(entries[0]?.at).toBe(new Date(NOW + 99).toISOString());
  });

  it.each(['absent.atom', 'debian', 'gone.atom', '.atom'])('has no feed %s', async (name) => {
    expect((await request(scene.http).get(`/feeds/${name}`)).status).toBe(404);
  });
});
