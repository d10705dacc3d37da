import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer } from '../core/handler.ts';

/** How long a connection that we end is still read from, so that a reset does not overtake the answer (RFC 9112 §9.6). */
const LINGER_MS = 1000;

/** A whole answer as bytes, for sockets that no parser serves (any more). It says that the connection ends. */
export function rawAnswer(answer: Answer): Buffer {
  const body = Buffer.from(answer.body);
  const lines = answer.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const status = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? 'Refused'}\r\n`;
  const head = `${status}${lines}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

/** Says that nothing more comes, reads on for a moment without looking, and closes. */
export function linger(socket: Socket): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.end();
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('end', () => socket.destroy());
  socket.once('close', () => clearTimeout(cut));
}
