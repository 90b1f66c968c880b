import { validateDetailed, type CronFieldError } from 'node-cron';

const FIELDS: Readonly<Record<string, { name: string; allowed: string }>> = {
  minute: { name: 'minute', allowed: '0-59' },
  hour: { name: 'hour', allowed: '0-23' },
  dayOfMonth: { name: 'day of month', allowed: '1-31 or L' },
  month: { name: 'month', allowed: '1-12 or jan-dec' },
  dayOfWeek: { name: 'day of week', allowed: '0-7 or sun-sat' },
};
const SHAPE = 'write minute, hour, day of month, month, day of week, such as "17 */4 * * *"';

/**
 * Why `expression` cannot be a schedule, as a sentence that quotes it, or undefined when it can. Five fields as in
 * crontab(5); a sixth for seconds is refused: no upstream wants to be asked more than once a minute.
 */
export function cronProblem(expression: string): string | undefined {
  const begin = `${JSON.stringify(expression)} is not a cron expression`;
  const fields = expression.trim().split(/\s+/);
  if (expression.trim() === '') return `${begin}: it is empty; ${SHAPE}`;
  if (expression.trim().startsWith('@')) return `${begin}: names such as "@daily" are not known; ${SHAPE}`;
  if (fields.length === 6) return `${begin}: it has 6 fields, and seconds are not allowed; ${SHAPE}`;
  if (fields.length !== 5) return `${begin}: it has ${fields.length} field${fields.length === 1 ? '' : 's'}; ${SHAPE}`;
  const { valid, errors } = validateDetailed(expression.trim());
  if (valid) return undefined;
  return `${begin}: ${errors.map(fieldSentence).join('; ')}`;
}

/** Why `zone` cannot be a time zone, as a sentence that quotes it, or undefined when it can. */
export function timezoneProblem(zone: string): string | undefined {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone });
    return undefined;
  } catch {
    return `${JSON.stringify(zone)} is not a time zone: write a name such as Europe/Berlin or UTC`;
  }
}

function fieldSentence(error: CronFieldError): string {
  const field = FIELDS[error.field];
  if (!field) return SHAPE;
  if (/impossible/.test(error.message)) return 'no such day exists in that month';
  return `${field.name} must be ${field.allowed}`;
}
