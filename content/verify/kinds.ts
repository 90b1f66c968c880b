import type { VerifierKind } from '../../core/verify.js';
import { verify as apk } from './apk/verify.js';
import { verify as apt } from './apt/verify.js';
import { verify as checksums } from './checksums/verify.js';
import { verify as pacman } from './pacman/verify.js';
import { verify as rpm } from './rpm/verify.js';
import { verify as tree } from './tree/verify.js';
import type { Verifier } from './verifier.js';

/** One line a kind; a test compares the table with the folders. */
export const VERIFIERS: Readonly<Record<VerifierKind, Verifier>> = { apk, apt, checksums, pacman, rpm, tree };
