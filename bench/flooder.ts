import { Agent, request } from 'node:http';
import { setPriority } from 'node:os';
import { BROWSER_HEADERS } from './load.ts';
import { openForm, type SignInForm } from './sign-in.ts';

/**
 * Signs in with wrong passwords as hard as one process can, until SIGTERM; then prints what it was answered as JSON.
 * `node bench/flooder.ts GATEWAY_URL CONNECTIONS`; prints `flooding` when the first password was answered.
 *
 * Every attempt is a good form (one of 256 login cookies, its token) with another name and from another network, so that no
 * lock-out stands in its way: what is not refused as busy is hashed.
 */
export interface FloodFigures {
  /** 401: a password was hashed */
  readonly hashed: number;
  /** 503: the queue was full */
  readonly busy: number;
  /** 429 */
  readonly locked: number;
  /** anything else, broken connections too */
  readonly other: number;
  readonly seconds: number;
}

const BROWSERS = 256;
const NAMES: Readonly<Record<number, 'hashed' | 'busy' | 'locked'>> = { 401: 'hashed', 503: 'busy', 429: 'locked' };

if (import.meta.main) {
  const [url = '', connections = ''] = process.argv.slice(2);
  // the probe is on the same core: its delays shall be the gateway's, not this process's
  setPriority(19);
  const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
  const forms: SignInForm[] = [];
  while (forms.length < BROWSERS) forms.push(await openForm(url));
  const counts = { hashed: 0, busy: 0, locked: 0, other: 0 };
  let attempts = 0;
  let stopped = false;
  const start = performance.now();
  process.once('SIGTERM', () => {
    stopped = true;
  });
  await Promise.all(Array.from({ length: Number(connections) }, flood));
  agent.destroy();
  const figures: FloodFigures = { ...counts, seconds: (performance.now() - start) / 1000 };
  console.log(JSON.stringify(figures));

  async function flood(): Promise<void> {
    while (!stopped) {
      const number = attempts++;
      const form = forms[number % forms.length] as SignInForm;
      const status = await attempt(url, form, number, agent);
      if (number === 0) console.log('flooding');
      counts[NAMES[status] ?? 'other']++;
    }
  }
}

/** Resolves with the status, 0 when there was no answer. */
function attempt(url: string, form: SignInForm, number: number, agent: Agent): Promise<number> {
  const body = new URLSearchParams({
    username: `guess-${number}`,
    password: `wrong horse ${number}`,
    csrf: form.csrf,
    return_to: '/',
  }).toString();
  const headers = {
    ...BROWSER_HEADERS,
    origin: url,
    cookie: form.cookie,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body.length),
    // a /24 of its own for each
    'x-forwarded-for': `11.${(number >> 8) & 255}.${number & 255}.${(number >> 16) & 255}`,
  };
  return new Promise((resolve) => {
    const outgoing = request(`${url}/.sallyport/login`, { method: 'POST', agent, headers }, (answer) => {
      answer
        .resume()
        .once('error', () => resolve(0))
        .once('end', () => resolve(answer.statusCode ?? 0));
    });
    outgoing.once('error', () => resolve(0)).end(body);
  });
}
