import { hash } from 'node:crypto';

/** SHA-256 in base64url, 43 characters: user ids, networks and devices may be any text, so they go into a key's name as this. */
export const keyHash = (text: string): string => hash('sha256', text, 'base64url');
