import { STATUS_CODES } from 'node:http';

/** Header fields as Node takes them fastest: name, value, name, value. */
export type FlatHeaders = readonly string[];

/** What no field value may have in it: controls, and what does not fit into a byte (RFC 9110 section 5.5). */
const NOT_IN_A_FIELD = /[^\t\x20-\x7e\x80-\xff]/;

/** The status and the header fields of an answer. */
export class ResponseHead {
  #bytes: Buffer | undefined;

  constructor(
    readonly status: number,
    readonly fields: FlatHeaders,
  ) {}

  /**
   * The status line and the field lines as they are sent (RFC 9112 sections 4 and 5), made once; what is added to every
   * answer, and the empty line, are to follow. @throws Error where a value cannot be sent
   */
  get bytes(): Buffer {
    return (this.#bytes ??= this.#render());
  }

  #render(): Buffer {
    let text = `HTTP/1.1 ${this.status} ${STATUS_CODES[this.status]}\r\n`;
    for (let index = 0; index < this.fields.length; index += 2) {
      const [name, value = ''] = this.fields.slice(index, index + 2);
      if (NOT_IN_A_FIELD.test(value)) throw new Error(`the field ${name} has a value that cannot be sent: ${value}`);
      text += `${name}: ${value}\r\n`;
    }
    return Buffer.from(text, 'latin1');
  }
}
