import { hash } from 'node:crypto';

/** Public name of a device: a hash of its cookie's id, which is a secret (interfaces, "Who is who"). */
export type DeviceId = `dev_${string}`;

/** 132 bits of the hash: nobody gets from it to the cookie's id, which has 128 random bits itself. */
export const deviceId = (cookieId: string): DeviceId =>
  `dev_${hash('sha256', `device ${cookieId}`, 'base64url').slice(0, 22)}`;
export const DEVICE_ID = /^dev_[A-Za-z0-9_-]{22}$/;
