/** Bytes that all responses together send between two looks of the event loop at everything else. */
const TURN_BYTES = 1024 * 1024;

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

let left = TURN_BYTES;
let isPlanned = false;
const waiting: Waiting[] = [];

/** Undefined where `bytes` may be sent in this turn of the event loop, else a promise of a later one, in order of asking. */
export function askTurn(bytes: number): Promise<void> | undefined {
  plan();
  if (left > 0 && waiting.length === 0) {
    left -= bytes;
    return undefined;
  }
  return new Promise((resolve) => {
    waiting.push({ bytes, go: resolve });
  });
}

function plan(): void {
  if (isPlanned) return;
  isPlanned = true;
  setImmediate(begin);
}

function begin(): void {
  isPlanned = false;
  left = TURN_BYTES;
  let count = 0;
  for (; left > 0 && count < waiting.length; count++) {
    left -= waiting[count]?.bytes ?? 0;
    waiting[count]?.go();
  }
  waiting.splice(0, count);
  if (waiting.length > 0) plan();
}
