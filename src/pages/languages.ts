import type { Messages } from './messages.ts';
import { ENGLISH } from './messages-en.ts';

/** Languages that pages exist in, by primary tag (RFC 5646). English first: it is what everybody else gets. */
export const LANGUAGES = { en: ENGLISH } as const satisfies Readonly<Record<string, Messages>>;
export type Language = keyof typeof LANGUAGES;

/** The messages of one language. */
export const messagesIn = (language: Language): Messages => LANGUAGES[language];
