import type { UserId } from '../../core/subject.ts';
import { keyHash } from '../key-hash.ts';

export const factorsName = (user: UserId): string => `factors/${keyHash(user)}`;
export const enrolmentName = (session: string): string => `enrolment/${session}`;
