import type { Settings } from '../../config/settings.js';
import { downloadPreset } from '../downloads/catalog.js';
import { mirrorsWithHelp } from '../help/help.js';
import type { PublicVerdict } from '../mirror-status.js';
import { assetUrl } from './assets.js';
import { PAGE_SECONDS, sentenceView, timeOrNull, type SentenceView, type TimeView } from './time-view.js';

/** What every page shows around its own part. */
export interface PageFrame {
  readonly title: string;
  readonly site: { readonly name: string; readonly contact: string | null; readonly contactHref: string | null };
  /** Part of the site that is marked as the present one. */
  readonly section: 'home' | 'status' | 'help' | 'get' | 'images' | 'stats' | 'none';
  /** Whether there are images, and so a page of them. */
  readonly hasImages: boolean;
  /** Whether there are instructions for clients, and rules that find installers: they have pages then. */
  readonly hasHelp: boolean;
  readonly hasDownloads: boolean;
  /** Address of the events that this page follows when script runs; null = none. */
  readonly events: string | null;
  /** Milliseconds since the epoch on the server's clock, cut to whole 15 s: a page is the same until then. */
  readonly now: number;
  readonly assets: { readonly css: string; readonly script: string; readonly logo: string; readonly pond: string };
  readonly version: string;
}

/** A verdict as templates show it. */
export interface VerdictView {
  readonly word: string;
  readonly label: string;
  readonly shape: string;
  readonly tone: string;
  readonly sentence: SentenceView;
  readonly next: SentenceView;
  readonly since: TimeView | null;
  readonly evidence: readonly { readonly label: string; readonly text: SentenceView }[];
}

export function pageFrame(
  context: { settings: Settings; version: string; now: number; hasImages: boolean },
  page: { title: string; section: PageFrame['section']; events?: string },
): PageFrame {
  const { name, contact } = context.settings.site;
  return {
    title: page.title,
    site: { name, contact, contactHref: contact === null ? null : contactHref(contact) },
    section: page.section,
    hasImages: context.hasImages,
    hasHelp: mirrorsWithHelp(context.settings).length > 0,
    hasDownloads: [...context.settings.mirrors.values()].some((mirror) => downloadPreset(mirror) !== undefined),
    events: page.events ?? null,
    now: Math.floor(context.now / (PAGE_SECONDS * 1000)) * PAGE_SECONDS * 1000,
    assets: {
      css: assetUrl('site.css'),
      script: assetUrl('site.js'),
      logo: assetUrl('logo.svg'),
      pond: assetUrl('pond.svg'),
    },
    version: context.version,
  };
}

export function verdictView(verdict: PublicVerdict, now: number): VerdictView {
  return {
    word: verdict.word,
    label: verdict.label,
    shape: verdict.shape,
    tone: verdict.tone,
    sentence: sentenceView(verdict.parts, now),
    next: sentenceView(verdict.next.parts, now),
    since: timeOrNull(verdict.since, now),
    evidence: verdict.evidence.map(({ label, parts }) => ({ label, text: sentenceView(parts, now) })),
  };
}

/** Only addresses that are clearly one become a link: `javascript:` and the like stay text. */
function contactHref(contact: string): string | null {
  if (/^https?:\/\/\S+$/i.test(contact)) return contact;
  return /^[^\s@:/]+@[^\s@:/]+$/.test(contact) ? `mailto:${contact}` : null;
}
