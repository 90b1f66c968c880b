/** Header fields of every page and twin of ours. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  // our own files and nothing else; no inline script or style, no frame, no plug-in
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  // a type is what we say it is, never what a browser guesses from the bytes
  'X-Content-Type-Options': 'nosniff',
  // which page was read here is nobody's business elsewhere
  'Referrer-Policy': 'same-origin',
  // a page that opens ours in a window gets no handle on it
  'Cross-Origin-Opener-Policy': 'same-origin',
};
