/** When a mirror is due. */
export type Schedule =
  | { readonly kind: 'cron'; readonly expression: string; readonly timezone: string }
  | { readonly kind: 'every'; readonly seconds: number }
  | { readonly kind: 'manual' };
