/** The package has no types of its own. */
declare module 'bencode' {
  const bencode: {
    /** Keys of objects and maps are sorted; keys and strings may be bytes. */
    encode(value: unknown): Uint8Array;
    decode(bytes: Uint8Array): unknown;
  };
  export { bencode as default };
}
