import type { Send } from './gateway.ts';
import type { RawAnswer } from './raw.ts';

/** The hidden fields of the forms on a page; of one name, the last. */
export const hiddenIn = ({ body }: RawAnswer): Record<string, string> =>
  Object.fromEntries(
    [...body.matchAll(/<input type="hidden" name="([a-z_]+)" value="([^"]*)"/g)].map(([, name, value]) => [
      name,
      (value as string).replaceAll('&amp;', '&'),
    ]),
  );

/** The headers of a browser that opens a page. */
export const NAVIGATION = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Accept: text/html'];

/** Sends a form as a page of ours at `host` does. `cookie` is the header's value. */
export function postForm(
  send: Send,
  path: string,
  cookie: string,
  fields: Readonly<Record<string, string>>,
  host = 'app.test',
): Promise<RawAnswer> {
  const body = new URLSearchParams(fields).toString();
  const headers = [
    `Host: ${host}`,
    `Origin: http://${host}`,
    'Sec-Fetch-Site: same-origin',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Accept: text/html',
    `Cookie: ${cookie}`,
  ];
  return send(`POST ${path} HTTP/1.1`, headers, body);
}

/** The cookies that an answer sets, as a browser sends them back. */
export const cookiesSetBy = ({ setCookies }: RawAnswer): string =>
  setCookies
    .filter((line) => !line.includes('Max-Age=0'))
    .map((line) => line.split(';')[0])
    .join('; ');
