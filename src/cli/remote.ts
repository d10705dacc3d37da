import { Option } from 'commander';
import { API_PREFIX } from '../admin/operations.ts';
import { isLoopback } from '../core/address.ts';
import { CommandFailure, complain, EXIT, printable } from './output.ts';

/** How commands reach a gateway whose store is not on this machine. */
export const urlOption = (): Option =>
  new Option(
    '--url <address>',
    'ask the administration API of a running gateway, http://host:9900, and open no store; its token is SALLYPORT_ADMIN_TOKEN',
  ).conflicts('config');

/** A running gateway, asked over its administration API. */
export interface Remote {
  /** The answer of an operation below /api/v1. @throws Refusal, CommandFailure 1 when there is no gateway */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
  /** All pages of a list. */
  all(path: string, key: string): Promise<readonly unknown[]>;
}

/** The gateway said no: exit code 1, or 2 for an ambiguous name. */
export class Refusal extends CommandFailure {
  /** of its problem; undefined when it gave none */
  readonly reason: unknown;
  constructor(message: string, reason: unknown, exitCode?: number) {
    super(message, exitCode);
    this.reason = reason;
  }
}

const TIMEOUT_MS = 30_000;

/** Does no I/O. The token comes from the environment alone: an argument would show in the list of processes. */
export function openRemote(address: string, token: string | undefined = process.env.SALLYPORT_ADMIN_TOKEN): Remote {
  const base = baseOf(address);
  if (token === undefined || token === '')
    throw new CommandFailure('--url needs the administrator’s token in SALLYPORT_ADMIN_TOKEN', EXIT.usage);

  async function ask(method: string, path: string, sent?: object): Promise<unknown> {
    let status: number;
    let text: string;
    try {
      const answer = await fetch(base + API_PREFIX + path, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          Accept: 'application/json',
          ...(sent !== undefined && { 'Content-Type': 'application/json' }),
        },
        ...(sent !== undefined && { body: JSON.stringify(sent) }),
        // a token is for the address that was written and for no other
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      status = answer.status;
      text = await answer.text();
    } catch (error) {
      throw new CommandFailure(`${base} cannot be asked: ${whyOf(error)}`);
    }
    const body = text === '' ? undefined : jsonOf(text);
    if (status >= 200 && status < 300 && (text === '' || body !== undefined)) return body;
    throw refusal(base, status, body);
  }

  return {
    ask,
    async all(path, key) {
      const found: unknown[] = [];
      let cursor: string | undefined;
      do {
        const query = `${path.includes('?') ? '&' : '?'}limit=1000${cursor === undefined ? '' : `&cursor=${cursor}`}`;
        const page = fieldsOf(await ask('GET', path + query));
        const items = page[key];
        if (!Array.isArray(items)) throw new CommandFailure(`${base} does not answer as a gateway does`);
        found.push(...items);
        cursor = typeof page.next_cursor === 'string' ? page.next_cursor : undefined;
      } while (cursor !== undefined);
      return found;
    },
  };
}

function baseOf(address: string): string {
  const url = URL.parse(address);
  const isPlain = url?.protocol === 'http:';
  if (
    url === null ||
    !(isPlain || url.protocol === 'https:') ||
    url.username !== '' ||
    url.pathname !== '/' ||
    url.search
  )
    throw new CommandFailure(
      `${JSON.stringify(address)} is no address of a gateway: write http://host:9900`,
      EXIT.usage,
    );
  if (isPlain && !isLoopback(url.hostname.replace(/^\[|\]$/g, '')) && url.hostname !== 'localhost')
    complain(`warning: the token goes to ${url.host} unencrypted; use https or a tunnel where others can listen`);
  return url.origin;
}

/** A refusal in the words of the gateway. */
function refusal(base: string, status: number, body: unknown): Refusal {
  const { reason, detail, candidates, errors } = fieldsOf(body);
  if (reason === 'ambiguous_user' && Array.isArray(candidates))
    return new Refusal(`the name is ambiguous; say one of ${candidates.map(String).join(', ')}`, reason, EXIT.usage);
  const why = typeof detail === 'string' ? detail : 'it does not answer as a gateway does';
  const where = Array.isArray(errors) ? errors.map(wrongField).join('') : '';
  const message = `${base} refuses with ${status}: ${printable(why)}${where}`;
  return new Refusal(message, reason);
}

/** One thing that is wrong with what was sent, on a line of its own. */
function wrongField(error: unknown): string {
  const { pointer, detail } = fieldsOf(error);
  return `\n  ${printable(`${pointer}: ${detail}`)}`;
}

/** The fields of an answer; none when it is no map. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // an answer that is no JSON is none of a gateway, whatever its status
    return undefined;
  }
}

/** The reason of a failed connection is the cause of what fetch says. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
