import { hash } from 'node:crypto';
import type { UserId } from '../../core/subject.ts';

/** A user id may be any text of any provider, so it goes into a key's name as its hash. */
export const userHash = (user: UserId): string => hash('sha256', user, 'base64url');
export const factorsName = (user: UserId): string => `factors/${userHash(user)}`;
export const enrolmentName = (session: string): string => `enrolment/${session}`;
