/** A sign-in form as one browser got it: its login cookie and the token that belongs to it. */
export interface SignInForm {
  /** a Cookie header */
  readonly cookie: string;
  readonly csrf: string;
}

export async function openForm(url: string): Promise<SignInForm> {
  const page = await fetch(`${url}/.sallyport/login?return_to=/`, { headers: { accept: 'text/html' } });
  const csrf = /name="csrf"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf"/.exec(await page.text());
  return { cookie: cookiesOf(page).join('; '), csrf: csrf?.[1] ?? csrf?.[2] ?? '' };
}

/** Fills the form, as a browser does; gives the session cookie. */
export async function signIn(url: string, username: string, password: string): Promise<string> {
  const { cookie, csrf } = await openForm(url);
  const answer = await fetch(`${url}/.sallyport/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'text/html', origin: url, 'sec-fetch-site': 'same-origin', cookie },
    body: new URLSearchParams({ username, password, csrf, return_to: '/' }),
  });
  const session = cookiesOf(answer).find((pair) => pair.startsWith('sallyport='));
  if (answer.status !== 303 || session === undefined) throw new Error(`signing in was answered with ${answer.status}`);
  return session;
}

const cookiesOf = (answer: Response): string[] =>
  answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0] as string);
