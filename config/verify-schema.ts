import * as z from 'zod';
import { HASH_RULES, NO_VERIFY_RULE, VERIFIER_KINDS, VERIFY_MODES, type VerifyRule } from '../core/verify.js';
import * as field from './fields.js';
import { keyringNamed, keyringNameProblem } from './keyrings.js';

const kinds = z.enum(VERIFIER_KINDS);
/** Kinds that are nothing without keys. */
const SIGNED_KINDS: ReadonlySet<string> = new Set(['apt'] satisfies (typeof VERIFIER_KINDS)[number][]);

/** What is looked at in a new tree of a mirror before it is published. */
export const verify = field
  .section({
    kind: z
      .union([kinds, z.array(kinds).min(1)], {
        error: field.mustBe(`${VERIFIER_KINDS.join(', ')}, or a list of these`),
      })
      .meta({
        description:
          'What the tree is: tree (any; always looked at), apt (archives of Debian packages), rpm, pacman or apk (repositories of such packages), checksums (files of sums beside images). Or a list of these.',
        examples: ['apt'],
      })
      .transform((value) => (typeof value === 'string' ? [value] : value)),
    mode: z.enum(VERIFY_MODES).prefault(NO_VERIFY_RULE.mode).meta({
      description:
        'enforce: a tree with a fault is not published. warn: it is, and the page tells the fault. off: it is not looked at.',
    }),
    keyrings: field
      .textList(
        {
          description: 'Files with the keys that sign it, by name: in "keyrings:", or of a Debian package.',
          examples: [['debian-archive-keyring.gpg']],
        },
        keyringNameProblem,
      )
      .prefault([]),
    hashes: z.enum(HASH_RULES).prefault(NO_VERIFY_RULE.hashes).meta({
      description:
        'sampled: of what the indexes name anew, a hundredth is hashed, at least 20 files an index. full: all of it.',
    }),
  })
  .superRefine(
    (value, context) => {
      const signed = Array.isArray(value.kind) && value.kind.find((kind) => SIGNED_KINDS.has(kind));
      if (signed && value.mode !== 'off' && Array.isArray(value.keyrings) && value.keyrings.length === 0)
        context.addIssue({
          code: 'custom',
          message: `is missing: "${signed}" is verified with the keys of its upstream`,
          path: ['keyrings'],
        });
    },
    { when: ({ value }) => field.isSection(value) },
  )
  .meta({ description: 'What is looked at in a new tree before it is published.' });

/** `keyrings` is the operator's folder, absolute. */
export function resolveVerify(raw: z.output<typeof verify> | undefined, keyrings: string): VerifyRule {
  if (!raw) return NO_VERIFY_RULE;
  return {
    kinds: [...new Set(raw.kind)].filter((kind) => kind !== 'tree'),
    mode: raw.mode,
    keyrings: raw.keyrings.map((name) => keyringNamed(name, keyrings)),
    hashes: raw.hashes,
  };
}
