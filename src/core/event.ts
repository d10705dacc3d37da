/**
 * What happened, for audit, detection and metrics (D1). One flat shape, so that every sink writes the same line.
 * Never holds a secret: no cookie, token, password or code.
 */
export interface AuditEvent {
  /** wall-clock ms */
  readonly time: number;
  readonly type: 'authentication' | 'decision' | 'administration' | 'session' | 'system';
  /** `sign_in`, `sign_out`, `request`, `user_add`, `session_revoke`, … */
  readonly action: string;
  readonly result: 'success' | 'failure' | 'allow' | 'deny' | 'login' | 'step_up' | 'refused';
  readonly reason?: string;
  /** the request's id: X-Request-Id, correlation id and decision id are one */
  readonly id?: string;
  readonly user?: string;
  readonly session?: string;
  readonly address?: string;
  readonly userAgent?: string;
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly route?: string;
  readonly rule?: string;
  readonly status?: number;
  /** how the person proved who they are: `password`, `password+totp` */
  readonly factors?: string;
  readonly durationMs?: number;
  /** who did it, for administration: `cli:root`, a user id */
  readonly by?: string;
  readonly detail?: string;
}
