import { describe, expect, test } from 'vitest';
import { isNavigation, languageOf, wantsHtml } from '../../src/pages/negotiate.ts';
import { factsWith } from './facts.ts';

describe('wantsHtml', () => {
  test.each<[string, readonly string[], boolean]>([
    ['no Accept', [], false],
    ['a browser', ['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8'], true],
    ['upper case', ['ACCEPT', 'TEXT/HTML'], true],
    ['with parameters', ['Accept', 'text/html;level=1;q=0.5'], true],
    ['two header lines', ['Accept', 'application/json', 'accept', 'text/html'], true],
    ['curl', ['Accept', '*/*'], false],
    ['text/*', ['Accept', 'text/*'], false],
    ['excluded by q=0', ['Accept', 'text/html;q=0, */*'], false],
    ['excluded by q=0.000', ['Accept', 'text/html; q=0.000'], false],
    ['a quality that is none', ['Accept', 'text/html;q=NaN'], false],
    ['JSON', ['Accept', 'application/json'], false],
    ['not quite', ['Accept', 'text/html5'], false],
    ['fetch with cors', ['Accept', 'text/html', 'Sec-Fetch-Mode', 'cors'], false],
    ['fetch without cors', ['Accept', 'text/html', 'Sec-Fetch-Mode', 'same-origin', 'Sec-Fetch-Dest', 'empty'], false],
    ['a document', ['Accept', 'text/html', 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'document'], true],
  ])('%s', (_, headers, expected) => {
    expect(wantsHtml(factsWith(headers))).toBe(expected);
  });
});

describe('isNavigation', () => {
  test.each<[string, string, readonly string[], boolean]>([
    ['navigate', 'GET', ['Sec-Fetch-Mode', 'navigate'], true],
    ['navigate by POST', 'POST', ['Sec-Fetch-Mode', 'navigate'], false],
    ['navigate by HEAD', 'HEAD', ['Sec-Fetch-Mode', 'navigate'], false],
    ['no Sec-Fetch, html', 'GET', ['Accept', 'text/html'], true],
    ['no Sec-Fetch, no html', 'GET', ['Accept', '*/*'], false],
    ['no headers', 'GET', [], false],
    ['fetch that accepts html', 'GET', ['Sec-Fetch-Mode', 'cors', 'Accept', 'text/html'], false],
    ['other Sec-Fetch only', 'GET', ['Sec-Fetch-Site', 'same-origin', 'Accept', 'text/html'], false],
    ['two modes', 'GET', ['Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Mode', 'cors'], false],
  ])('%s', (_, method, headers, expected) => {
    expect(isNavigation(factsWith(headers, { method }))).toBe(expected);
  });
});

describe('languageOf', () => {
  test.each([
    [undefined, 'en'],
    ['en-GB,en;q=0.9', 'en'],
    ['fr, de;q=0.8', 'en'],
    ['*', 'en'],
    ['constructor, __proto__, toString', 'en'],
    [',;q=,,;;', 'en'],
  ])('%s', (value, expected) => {
    expect(languageOf(factsWith(value === undefined ? [] : ['Accept-Language', value]))).toBe(expected);
  });
});
