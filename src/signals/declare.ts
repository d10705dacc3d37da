import type { Attribute, AttributeSpec, BindSite, Reader } from '../core/attribute.ts';
import { unknown } from '../core/signal.ts';
import type { RequestContext } from './context.ts';

/** One attribute as its group's file writes it; what is left out is the common case (see `DEFAULTS`). */
export type Declaration = Pick<AttributeSpec, 'name' | 'type' | 'meaning' | 'example' | 'source'> &
  Partial<Omit<AttributeSpec, 'built' | 'veiledForLogin'>>;

/** A declaration and how it is computed: `read` where the place of the mention does not matter, else `bind`. */
export type LiveDeclaration = Declaration & {
  readonly origin?: (context: RequestContext) => number;
} & (
    | { readonly read: Reader<RequestContext> }
    /** what can be computed from the mention alone (folded names, zones) is computed here, once */
    | { readonly bind: (site: BindSite) => Reader<RequestContext> }
  );

const DEFAULTS = {
  mayBeAbsent: false,
  aboutPerson: false,
  cost: 'free',
  scope: 'request',
  time: 'none',
  foldsCase: false,
} as const;

// policy-language 4: the second judgement asks "could this be allowed to somebody?"
const VEILED_GROUPS: ReadonlySet<string> = new Set(['identity', 'session', 'access']);

export const readUnknown: Reader<RequestContext> = () => unknown;

/**
 * An attribute that is computed today. The order of policy-language 4 is kept here and nowhere else: about a person and
 * nobody here → unknown, else whatever the group's own reader says.
 */
export function live(declaration: LiveDeclaration): Attribute<RequestContext> {
  const { origin, ...rest } = declaration;
  const spec = specOf(rest, true);
  const bindInner = 'bind' in declaration ? declaration.bind : () => declaration.read;
  const bind = spec.aboutPerson ? (site: BindSite) => onlyOfSomebody(bindInner(site)) : bindInner;
  return Object.freeze({ ...spec, bind, ...(origin === undefined ? {} : { origin }) });
}

/** An attribute that policies may mention already and that nothing computes yet: always unknown (policy-language 4). */
export function declared(declaration: Declaration): Attribute<RequestContext> {
  return Object.freeze({ ...specOf(declaration, false), bind: () => readUnknown });
}

const onlyOfSomebody =
  (inner: Reader<RequestContext>): Reader<RequestContext> =>
  (context) =>
    context.subject === undefined ? unknown : inner(context);

function specOf(declaration: Declaration, built: boolean): AttributeSpec {
  const { read: _read, bind: _bind, ...plain } = declaration as Declaration & { read?: unknown; bind?: unknown };
  const group = plain.name.slice(0, plain.name.indexOf('.'));
  return { ...DEFAULTS, ...plain, built, veiledForLogin: VEILED_GROUPS.has(group) };
}
