import type { TObject } from 'typebox';
import type { Decoded } from '../schema/decode.ts';
import type { ProblemReason } from './problem.ts';
import {
  blockBody,
  blockPath,
  blocksQuery,
  type COMPONENTS,
  checkBody,
  explainBody,
  noBody,
  pageQuery,
  sessionPath,
  sessionsOfQuery,
  sessionsQuery,
  userPath,
} from './schemas.ts';

export const API_PREFIX = '/api/v1';

/** One thing that the API does: what routes it, reads it and describes it. */
export interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** below `/api/v1`; `{name}` is one segment */
  readonly path: string;
  readonly summary: string;
  readonly params?: TObject;
  readonly query?: TObject;
  /** may be left out by the client when it has no required field */
  readonly body?: TObject;
  /** of the answer; undefined: 204 without a body */
  readonly answer?: keyof typeof COMPONENTS;
  /** besides those that any operation can answer */
  readonly problems: readonly ProblemReason[];
}

/** THE table of the API. Reads change nothing; every other one is in the audit log before its answer. */
export const OPERATIONS = {
  listSessions: {
    method: 'get',
    path: '/sessions',
    summary: 'Live sessions, by id.',
    query: sessionsQuery,
    answer: 'SessionList',
    problems: ['unknown_user', 'ambiguous_user'],
  },
  revokeSessions: {
    method: 'delete',
    path: '/sessions',
    summary: 'End all sessions of a user; their next request is refused, on every process.',
    query: sessionsOfQuery,
    body: noBody,
    answer: 'Revoked',
    problems: ['unknown_user', 'ambiguous_user', 'audit_unavailable'],
  },
  getSession: {
    method: 'get',
    path: '/sessions/{id}',
    summary: 'A live session.',
    params: sessionPath,
    answer: 'Session',
    problems: ['unknown_session'],
  },
  revokeSession: {
    method: 'delete',
    path: '/sessions/{id}',
    summary: 'End a session; its next request is refused, on every process.',
    params: sessionPath,
    body: noBody,
    problems: ['unknown_session', 'audit_unavailable'],
  },
  listUsers: {
    method: 'get',
    path: '/users',
    summary: 'The local accounts, in an order of the store.',
    query: pageQuery,
    answer: 'UserList',
    problems: [],
  },
  getUser: {
    method: 'get',
    path: '/users/{user}',
    summary: 'A local account.',
    params: userPath,
    answer: 'User',
    problems: ['unknown_user', 'ambiguous_user'],
  },
  disableUser: {
    method: 'post',
    path: '/users/{user}/disable',
    summary: 'Let nobody sign in with the account any more, and end all sessions of the user.',
    params: userPath,
    body: noBody,
    answer: 'UserChange',
    problems: ['unknown_user', 'ambiguous_user', 'busy', 'audit_unavailable'],
  },
  enableUser: {
    method: 'post',
    path: '/users/{user}/enable',
    summary: 'Let the user sign in again; what was left of sessions from before ends.',
    params: userPath,
    body: noBody,
    answer: 'UserChange',
    problems: ['unknown_user', 'ambiguous_user', 'busy', 'audit_unavailable'],
  },
  unlockUser: {
    method: 'post',
    path: '/users/{user}/unlock',
    summary:
      'Forget the wrong passwords and codes of the user, from whatever network or device. Limits of whole networks stay.',
    params: userPath,
    body: noBody,
    answer: 'Unlocked',
    problems: ['unknown_user', 'ambiguous_user', 'audit_unavailable'],
  },
  listBlocks: {
    method: 'get',
    path: '/blocks',
    summary: 'What is blocked.',
    query: blocksQuery,
    answer: 'BlockList',
    problems: [],
  },
  addBlock: {
    method: 'post',
    path: '/blocks',
    summary: 'Block; the next request is refused, on every process. Again for the same: the later end counts.',
    body: blockBody,
    answer: 'Block',
    problems: ['audit_unavailable'],
  },
  removeBlock: {
    method: 'delete',
    path: '/blocks/{id}',
    summary: 'Lift a block.',
    params: blockPath,
    body: noBody,
    problems: ['unknown_block', 'audit_unavailable'],
  },
  checkPolicies: {
    method: 'post',
    path: '/policies/check',
    summary: 'Check policies and run their tests, with the providers in force; nothing comes into force.',
    body: checkBody,
    answer: 'CheckReport',
    problems: ['too_costly', 'policies_busy'],
  },
  explainRequest: {
    method: 'post',
    path: '/policies/explain',
    summary: 'Say what the configuration in force would decide for a request, and why.',
    body: explainBody,
    answer: 'Explanation',
    problems: ['too_costly', 'policies_busy'],
  },
  getHealth: {
    method: 'get',
    path: '/health',
    summary: 'Whether the gateway takes work. Always 200; probes ask `/readyz`.',
    answer: 'Health',
    problems: [],
  },
  getDescription: {
    method: 'get',
    path: '/openapi.json',
    summary: 'This description.',
    answer: 'Description',
    problems: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationId = keyof typeof OPERATIONS;

type Part<Op, Key extends string> = Op extends { readonly [K in Key]: infer Schema extends TObject }
  ? Decoded<Schema>
  : undefined;

/** What an operation was asked with, read by its schemas. */
export interface Input<Id extends OperationId> {
  readonly params: Part<(typeof OPERATIONS)[Id], 'params'>;
  readonly query: Part<(typeof OPERATIONS)[Id], 'query'>;
  readonly body: Part<(typeof OPERATIONS)[Id], 'body'>;
}
