/** Text that is HTML already; only `html` and `raw` make it, so that whatever is not of this class gets escaped. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlValue = string | number | Html | undefined | false | readonly HtmlValue[];

/** Marks text of our own (a stylesheet, a drawing) as HTML. Never give it anything that came from outside. */
export const raw = (text: string): Html => new Html(text);

/**
 * Escapes text for element content and for quoted attribute values. C0 controls except tab and line ends, DEL and lone
 * surrogates become U+FFFD, as a parser would make of some of them and not of others.
 */
export function escapeHtml(text: string): string {
  return text.toWellFormed().replace(UNSAFE, (char) => ESCAPES[char] ?? '\uFFFD');
}

/** Template tag: literal parts pass, every inserted value is escaped unless it is `Html`; `undefined` and `false` vanish. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = parts[0] as string;
  for (let i = 0; i < values.length; i++) text += render(values[i]) + parts[i + 1];
  return new Html(text);
}

function render(value: HtmlValue): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  return value.map(render).join('');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is being replaced
const UNSAFE = /[&<>"'`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};
