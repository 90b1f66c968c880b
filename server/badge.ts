import XMLBuilder from 'fast-xml-builder';
import type { VerdictSign } from '../core/verdict-words.js';
import type { PublicVerdict } from './mirror-status.js';

/** White text on each is readable (WCAG 2.2, 1.4.3: 4.5 to 1). */
const FILLS: Readonly<Record<VerdictSign['tone'], string>> = {
  good: '#2f6f3e',
  active: '#0b5cad',
  warn: '#8f5200',
  bad: '#a4262c',
  calm: '#5a6068',
};
/** The names of shields.io. */
const SHIELDS_COLORS: Readonly<Record<VerdictSign['tone'], string>> = {
  good: 'brightgreen',
  active: 'blue',
  warn: 'orange',
  bad: 'red',
  calm: 'lightgrey',
};
const HEIGHT = 20;
const MARGIN = 7;
/** Of 11 px in a common sans-serif; `textLength` makes what is drawn as wide as was reckoned. */
const CHARACTER = 6.6;

/** What a README shows of a mirror: its name and state, drawn. */
export function badgeSvg(
  name: string,
  { label, shape, tone }: Pick<PublicVerdict, 'label' | 'shape' | 'tone'>,
): string {
  const state = `${shape} ${label}`;
  const [left, right] = [widthOf(name), widthOf(state)];
  const words = `${name}: ${label}`;
  const text = (at: number, width: number, content: string) => ({
    '@x': at + MARGIN,
    '@y': 14,
    '@textLength': Math.round(width - 2 * MARGIN),
    '@lengthAdjust': 'spacingAndGlyphs',
    '#text': content,
  });
  return new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: true }).build({
    svg: {
      '@xmlns': 'http://www.w3.org/2000/svg',
      '@width': left + right,
      '@height': HEIGHT,
      '@role': 'img',
      '@aria-label': words,
      title: words,
      clipPath: { '@id': 'r', rect: { '@width': left + right, '@height': HEIGHT, '@rx': 3 } },
      g: [
        {
          '@clip-path': 'url(#r)',
          rect: [
            { '@width': left, '@height': HEIGHT, '@fill': '#444b52' },
            { '@x': left, '@width': right, '@height': HEIGHT, '@fill': FILLS[tone] },
          ],
        },
        {
          '@fill': '#fff',
          '@font-family': 'Verdana,DejaVu Sans,Geneva,sans-serif',
          '@font-size': 11,
          text: [text(0, left, name), text(left, right, state)],
        },
      ],
    },
  });
}

/** The same for shields.io, which draws it (https://shields.io/badges/endpoint-badge). */
export function shieldsBadge(name: string, { label, tone }: Pick<PublicVerdict, 'label' | 'tone'>): object {
  return { schemaVersion: 1, label: name, message: label, color: SHIELDS_COLORS[tone] };
}

function widthOf(text: string): number {
  return Math.round([...text].length * CHARACTER + 2 * MARGIN);
}
