import { type HeaderFacts, header, headerValues, type RequestFacts } from '../core/facts.ts';
import { LANGUAGES, type Language } from './languages.ts';

/**
 * Whether an answer of ours should be a page: Accept names `text/html` with a quality above zero, and nothing says that a
 * script asked (`Sec-Fetch-Mode: cors`, `Sec-Fetch-Dest: empty`). Wildcards do not name it. Everything else gets JSON.
 * Source: RFC 9110 section 12.5.1.
 */
export function wantsHtml(facts: HeaderFacts): boolean {
  if (header(facts, 'sec-fetch-mode') === 'cors' || header(facts, 'sec-fetch-dest') === 'empty') return false;
  return namesHtml(facts);
}

/**
 * A browser navigation: GET with `Sec-Fetch-Mode: navigate`, or without Sec-Fetch headers and with an Accept that names
 * text/html. Everything else is an API client and is never redirected (interfaces, "Under /.sallyport/").
 */
export function isNavigation(facts: RequestFacts): boolean {
  if (facts.method !== 'GET') return false;
  if (facts.headerNames.some((name) => name.startsWith('sec-fetch-'))) {
    const modes = headerValues(facts, 'sec-fetch-mode');
    return modes.length === 1 && modes[0] === 'navigate';
  }
  return namesHtml(facts);
}

/** The language of ours that the client prefers, by quality and then by order; English when it names none of them. */
export function languageOf(facts: HeaderFacts): Language {
  let best: Language = 'en';
  let bestQuality = 0;
  for (const { value, quality } of preferences(facts, 'accept-language')) {
    const primary = value.split('-', 1)[0] as string;
    if (quality > bestQuality && Object.hasOwn(LANGUAGES, primary)) {
      best = primary as Language;
      bestQuality = quality;
    }
  }
  return best;
}

function namesHtml(facts: HeaderFacts): boolean {
  let named = false;
  for (const { value, quality } of preferences(facts, 'accept')) {
    if (value !== 'text/html') continue;
    if (quality === 0) return false;
    named = true;
  }
  return named;
}

/** Members of a preference list, lower case without parameters. A quality that is not a number counts as zero. */
function preferences(facts: HeaderFacts, name: string): { readonly value: string; readonly quality: number }[] {
  const members = headerValues(facts, name).join(',').slice(0, 4096).split(',');
  return members.map((member) => {
    const [value, ...parameters] = member.split(';').map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    return { value: value as string, quality: q === undefined ? 1 : qualityOf(q.slice(2)) };
  });
}

// RFC 9110 section 12.4.2: a qvalue is 0 to 1 with at most three decimals
const QVALUE = /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;
const qualityOf = (text: string): number => (QVALUE.test(text) ? Number(text) : 0);
