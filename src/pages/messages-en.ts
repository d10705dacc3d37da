import type { Messages } from './messages.ts';

/** English. Sentences address the person who sees the page, name no internals and say what to do next. */
export const ENGLISH: Messages = {
  reasons: {
    ambiguous_request: {
      title: 'This request cannot be read safely',
      happened:
        'The address or the headers of the request can be understood in more than one way, so it went no further.',
      todo: 'If you followed a link, open the start page and find your way from there. If you wrote the request yourself, check its address for unusual characters.',
    },
    login_required: {
      title: 'Please sign in',
      happened: 'This page is only for people who are signed in.',
      todo: 'Sign in, then try again.',
    },
    invalid_token: {
      title: 'Your credential was not accepted',
      happened: 'What your browser or program presented as proof of who you are is not valid, or no longer valid.',
      todo: 'Sign in again.',
    },
    step_up_required: {
      title: 'Please confirm that it is you',
      happened: 'You are signed in, but this page asks for a fresher or stronger proof of who you are.',
      todo: 'If a recent sign-in is enough, sign out and sign in again. Otherwise ask your administrator for a stronger way to sign in.',
    },
    step_up_impossible: {
      title: 'This page cannot be opened',
      happened: 'The rules for this page ask for proofs that exclude each other, so nobody can satisfy them just now.',
      todo: 'Tell your administrator and pass on the reference below: the rules need to be corrected.',
    },
    no_rule_matched: {
      title: 'You do not have access to this',
      happened: 'No rule lets you open this page or do what you tried to do.',
      todo: 'If you need it for your work, ask your administrator for access and pass on the reference below.',
    },
    policy_denied: {
      title: 'You do not have access to this',
      happened: 'A rule forbids opening this page or doing what you tried to do.',
      todo: 'If you think that this is a mistake, contact your administrator and pass on the reference below.',
    },
    session_expired: {
      title: 'Your session has expired',
      happened: 'You were signed in, but too much time has gone by.',
      todo: 'Sign in again to go on.',
    },
    session_revoked: {
      title: 'Your session was ended',
      happened: 'You were signed in, but this session was ended: by you on another device, or by an administrator.',
      todo: 'Sign in again. If you did not expect this, tell your administrator.',
    },
    blocked: {
      title: 'Blocked',
      happened: 'Requests from here are not accepted at the moment.',
      todo: 'If you think that this is a mistake, contact your administrator and pass on the reference below.',
    },
    plain_http: {
      title: 'Signing in needs a secure connection',
      happened:
        'This page came over plain HTTP: anybody on the way could read your password and take over your session.',
      todo: 'Open the address again with https:// in front. If that does not work, tell your administrator: the gateway needs a certificate, or has to trust the proxy in front of it.',
    },
    locked_out: {
      title: 'Too many attempts',
      happened: 'There were too many failed attempts to sign in.',
      todo: 'Wait a while, then try again.',
    },
    csrf_failed: {
      title: 'This form was not accepted',
      happened: 'The form was open for too long, was sent from another page, or your browser did not keep our cookie.',
      todo: 'Open the form again and send it from there. Nothing was changed.',
    },
    no_route: {
      title: 'There is nothing here',
      happened: 'No application answers to this address.',
      todo: 'Check the address for typing mistakes, or begin at the start page.',
    },
    method_not_allowed: {
      title: 'This cannot be done here',
      happened: 'The address exists, but not for this kind of request.',
      todo: 'Go back and use the page as it is meant, or begin at the start page.',
    },
    payload_too_large: {
      title: 'That was too large',
      happened: 'What you sent is larger than what is accepted here.',
      todo: 'Send a smaller file or less text.',
    },
    uri_too_long: {
      title: 'The address is too long',
      happened: 'The address of the request is longer than what is accepted here.',
      todo: 'Shorten the address, or begin at the start page.',
    },
    headers_too_large: {
      title: 'The request carries too much',
      happened: 'The headers of the request are too many or too large. Often old cookies are the cause.',
      todo: 'Delete the cookies of this site and try again.',
    },
    request_timeout: {
      title: 'The request took too long',
      happened: 'The request did not arrive completely in time.',
      todo: 'Check your connection and try again.',
    },
    rate_limited: {
      title: 'Too many requests',
      happened: 'More requests came from you than are accepted in this time.',
      todo: 'Wait a moment, then try again.',
    },
    upstream_unreachable: {
      title: 'The application cannot be reached',
      happened: 'The application behind this address does not answer. It may be starting or under maintenance.',
      todo: 'Try again in a moment. If it stays like this, tell your administrator and pass on the reference below.',
    },
    upstream_invalid: {
      title: 'The application gave a broken answer',
      happened: 'The application behind this address answered in a way that cannot be passed on safely.',
      todo: 'Try again. If it stays like this, tell your administrator and pass on the reference below.',
    },
    upstream_timeout: {
      title: 'The application took too long',
      happened: 'The application behind this address did not answer in time.',
      todo: 'Try again in a moment. If you were saving something, check first whether it was saved.',
    },
    store_unavailable: {
      title: 'Temporarily unavailable',
      happened: 'Who you are cannot be verified just now, so nothing that needs it is let through.',
      todo: 'Try again in a moment. You do not need to sign in again.',
    },
    issuer_unavailable: {
      title: 'Temporarily unavailable',
      happened: 'The token that was presented cannot be verified just now, because its issuer does not answer.',
      todo: 'Try again in a moment with the same token.',
    },
    draining: {
      title: 'Restarting',
      happened: 'The gateway is restarting.',
      todo: 'Try again in a moment.',
    },
    internal_error: {
      title: 'Something went wrong',
      happened: 'The request could not be handled because of an error on our side.',
      todo: 'Try again. If it stays like this, tell your administrator and pass on the reference below.',
    },
  },
  policyReason: {
    title: 'You do not have access to this',
    happened: 'A rule of your organisation does not let you open this page or do what you tried to do.',
    todo: 'If you think that this is a mistake, contact your administrator and pass on the reference below.',
  },
  phrases: {
    product: 'Sallyport',
    signIn: 'Sign in',
    signInLead: 'Use the account that you were given for this site.',
    username: 'User name',
    password: 'Password',
    signInFailed: 'That did not work. Check your user name and password and try again.',
    signInBusy: 'Many people are signing in at this moment. Please try again in a few seconds.',
    signOut: 'Sign out',
    signOutAsk: 'Sign out?',
    signOutLead: 'This ends your session in this browser.',
    signedInAs: 'Signed in as',
    stay: 'Stay signed in',
    signedOut: 'You are signed out',
    signedOutLead: 'Your session in this browser is over. You may close this page.',
    signInAgain: 'Sign in again',
    signInAsOther: 'Use another account',
    openFormAgain: 'Open the form again',
    tryAgain: 'Try again',
    startPage: 'Go to the start page',
    reference: 'Reference',
    referenceHint: 'Quote this when you ask for help.',
    reason: 'Reason',
    rule: 'Rule',
    details: 'Details',
    needLevel: 'Strength asked for',
    needAge: 'Not older than (seconds)',
    needAnyOf: 'One of',
    needAllOf: 'All of',
    retryIn: 'Try again after (seconds)',
  },
};
