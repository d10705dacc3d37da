import { LEVELS, METHODS, type Method, type Need } from './decision.ts';

/**
 * A need as members of a query, and back: it tells the page for stepping up what to offer. Nothing of security hangs on it (so it
 * is not signed): whoever changes it is offered other ones of their own factors, and the policy judges anew what they prove.
 */
export function needQuery(need: Need): string {
  let text = `&level=${need.level}`;
  if (need.maxAgeMs !== undefined) text += `&max_age=${Math.max(0, Math.floor(need.maxAgeMs / 1000))}`;
  if (need.anyOf !== undefined) text += `&methods=${need.anyOf.join(',')}`;
  if (need.allOf.length > 0) text += `&all_of=${need.allOf.join(',')}`;
  return text;
}

/** Reads those members; undefined when there are none, or anything that we did not write. */
export function readNeed(fields: ReadonlyMap<string, string> | undefined): Need | undefined {
  const level = LEVELS.find((each) => each === fields?.get('level'));
  if (fields === undefined || level === undefined) return undefined;
  const age = fields.get('max_age');
  const anyOf = methodsOf(fields.get('methods'));
  const allOf = methodsOf(fields.get('all_of'));
  if ((age !== undefined && !/^[0-9]{1,9}$/.test(age)) || anyOf === null || allOf === null) return undefined;
  return { level, maxAgeMs: age === undefined ? undefined : Number(age) * 1000, anyOf, allOf: allOf ?? [] };
}

function methodsOf(text: string | undefined): readonly Method[] | undefined | null {
  if (text === undefined) return undefined;
  const methods = text.split(',').map((word) => METHODS.find((method) => method === word));
  return methods.includes(undefined) ? null : (methods as readonly Method[]);
}
