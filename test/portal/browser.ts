import type { RequestFacts } from '../../src/core/facts.ts';
import { type Answer, type Endpoint, PayloadTooLarge } from '../../src/core/handler.ts';
import type { Session } from '../../src/core/session.ts';
import { factsWith } from '../pages/facts.ts';

export const ORIGIN = 'https://wiki.example.com';
export const FORM_HEADERS = ['Origin', ORIGIN, 'Sec-Fetch-Site', 'same-origin', 'Sec-Fetch-Mode', 'navigate'];

export interface PostOptions {
  readonly headers?: readonly string[];
  readonly contentType?: string;
  readonly body?: string | Uint8Array;
  readonly facts?: Partial<RequestFacts>;
}

/** A browser in front of the endpoints: it keeps cookies by name, and the session is looked up from its cookie. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #endpoints: readonly Endpoint[];
  readonly #sessionOf: (cookie: string) => Promise<Session | undefined>;
  secure = true;

  constructor(endpoints: readonly Endpoint[], sessionOf: (cookie: string) => Promise<Session | undefined>) {
    this.#endpoints = endpoints;
    this.#sessionOf = sessionOf;
  }

  get prefix(): string {
    return this.secure ? '__Host-' : '';
  }
  get sessionCookie(): string | undefined {
    return this.cookies.get(`${this.prefix}sallyport`);
  }
  get loginCookie(): string | undefined {
    return this.cookies.get(`${this.prefix}sallyport-login`);
  }

  get deviceCookie(): string | undefined {
    return this.cookies.get(`${this.prefix}sallyport-device`);
  }

  get(path: string, over: Partial<RequestFacts> = {}, headers: readonly string[] = ['Accept', 'text/html']) {
    return this.#send(path, factsWith(headers, over), new Uint8Array());
  }

  post(path: string, fields: Readonly<Record<string, string>>, options: PostOptions = {}): Promise<Answer> {
    const type = options.contentType ?? 'application/x-www-form-urlencoded';
    const headers = [...(options.headers ?? FORM_HEADERS), 'Content-Type', type, 'Accept', 'text/html'];
    const body = Buffer.from(options.body ?? new URLSearchParams(fields).toString());
    return this.#send(path, factsWith(headers, { method: 'POST', ...options.facts }), body);
  }

  /** Opens the form and gives its hidden fields. */
  async openForm(path: string, over: Partial<RequestFacts> = {}): Promise<Record<string, string>> {
    return hiddenOf(await this.get(path, over));
  }

  async signIn(username: string, password: string, returnTo = '/', options: PostOptions = {}): Promise<Answer> {
    const hidden = await this.openForm(`login?return_to=${encodeURIComponent(returnTo)}`);
    return this.post('login', { ...hidden, username, password }, options);
  }

  async #send(target: string, facts: RequestFacts, body: Uint8Array): Promise<Answer> {
    const [path = '', query] = target.split('?', 2);
    const endpoint = this.#endpoints.find((candidate) => candidate.path === path);
    if (endpoint === undefined) throw new Error(`no endpoint ${path}`);
    const request: RequestFacts = {
      ...facts,
      // null, sent twice, stays
      sessionCookie: facts.sessionCookie === undefined ? this.sessionCookie : facts.sessionCookie,
      loginCookie: facts.loginCookie === undefined ? this.loginCookie : facts.loginCookie,
      deviceCookie: facts.deviceCookie === undefined ? this.deviceCookie : facts.deviceCookie,
      path: `/.sallyport/${path}`,
      query: query === undefined ? '' : `?${query}`,
    };
    const answer = await endpoint.handler({
      facts: request,
      params: new Map(),
      session: typeof request.sessionCookie === 'string' ? await this.#sessionOf(request.sessionCookie) : undefined,
      readBody: async (maxBytes) => {
        if (body.length > maxBytes) throw new PayloadTooLarge(maxBytes);
        return body;
      },
    });
    for (const cookie of headerOf(answer, 'Set-Cookie')) this.#keep(cookie);
    return answer;
  }

  #keep(cookie: string): void {
    const [pair = '', ...attributes] = cookie.split('; ');
    const [name = '', value = ''] = pair.split('=', 2);
    if (attributes.includes('Max-Age=0')) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

export const headerOf = (answer: Answer, name: string): string[] =>
  answer.headers.filter(([n]) => n === name).map(([, value]) => value);
export const bodyOf = (answer: Answer): string => String(answer.body);

/** The hidden fields of the forms on a page; of one name, the first. */
export function hiddenOf(answer: Answer): Record<string, string> {
  const fields = bodyOf(answer).matchAll(/<input type="hidden" name="([a-z_]+)" value="([^"]*)"/g);
  const pairs = Array.from(fields, ([, name, value]) => [name, (value as string).replaceAll('&amp;', '&')] as const);
  return Object.fromEntries(pairs.reverse());
}
