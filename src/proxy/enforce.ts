import { assertNever } from '../core/assert-never.ts';
import type { Decision } from '../core/decision.ts';
import { askToSignIn, askToStepUp, refuse } from './answers.ts';
import type { CompiledRoute } from './plane.ts';
import type { Transit } from './transit.ts';

/**
 * The only place where a Decision becomes HTTP. True: forward it. False: an answer was sent. Refusals say which rule made
 * them only where the route says `explain: true`.
 */
export function enforce(transit: Transit, route: CompiledRoute, decision: Decision): boolean {
  switch (decision.effect) {
    case 'allow':
      return true;
    case 'login':
      askToSignIn(transit, decision.reason);
      return false;
    case 'step_up':
      askToStepUp(transit, decision, route.explain);
      return false;
    case 'deny':
      refuse(transit, decision.reason, { traceRule: route.explain ? decision.rule : undefined });
      return false;
    default:
      return assertNever(decision);
  }
}
