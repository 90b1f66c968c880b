/** A moment inside a sentence, milliseconds since the epoch: pages show it as `<time>`, programs as UTC text. */
export interface Moment {
  readonly at: number;
}

/** A sentence for people, in parts, so that each renderer can write the moments in it in its own way. */
export type Sentence = readonly (string | Moment)[];

/** Builds a sentence from a template: numbers and strings are text, `Moment`s stay moments. */
export function say(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | Moment | Sentence)[]
): Sentence {
  const parts: (string | Moment)[] = [];
  texts.forEach((text, index) => {
    parts.push(text);
    const value = values[index];
    if (value === undefined) return;
    if (isSentence(value)) parts.push(...value);
    else parts.push(typeof value === 'number' ? String(value) : value);
  });
  return joinTexts(parts);
}

export function moment(at: number): Moment {
  return { at };
}

/** The sentence as one string, its moments as `YYYY-MM-DD HH:MM UTC`. */
export function plainSentence(sentence: Sentence): string {
  return sentence.map((part) => (typeof part === 'string' ? part : utcMinute(part.at))).join('');
}

/** `YYYY-MM-DD HH:MM UTC` of milliseconds since the epoch. */
export function utcMinute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function isSentence(value: string | number | Moment | Sentence): value is Sentence {
  return Array.isArray(value);
}

function joinTexts(parts: Sentence): Sentence {
  const joined: (string | Moment)[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part;
    else if (part !== '') joined.push(part);
  }
  return joined;
}
