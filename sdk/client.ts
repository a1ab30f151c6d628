/** @file The HTTP API in types: `connect` gives a function that knows every route of the contract, what it takes and answers. */
import type { z } from 'zod';
import type { routes } from '../contract/routes.ts';

type Route = (typeof routes)[number];
type NameOf<R extends Route> = R extends Route ? `${Uppercase<R['method']>} ${R['path']}` : never;
/** As `GET /api/studies/{name}`. */
export type RouteName = NameOf<Route>;
type RouteOf<N extends RouteName> = Extract<Route, { method: Lowercase<MethodOf<N>>; path: PathOf<N> }>;
type MethodOf<N extends string> = N extends `${infer M} ${string}` ? M : never;
type PathOf<N extends string> = N extends `${string} ${infer P}` ? P : never;
type ParameterOf<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterOf<Rest>
  : never;

/** What goes into a route. */
export type Input<N extends RouteName> = ([ParameterOf<PathOf<N>>] extends [never]
  ? { params?: undefined }
  : { params: Record<ParameterOf<PathOf<N>>, string> }) &
  (RouteOf<N> extends { body: infer B extends z.ZodType } ? { body: z.input<B> } : { body?: undefined }) & {
    /** As `{ reveal: 'true' }`. */
    query?: Record<string, string>;
    signal?: AbortSignal;
  };
export type Answer<N extends RouteName> = z.output<RouteOf<N>['answer']>;

/** What the server refused, with its code of the contract, or that it did not answer. */
export class ApiError extends Error {
  override name = 'ApiError';
  /** Of HTTP; 0 without an answer. */
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Connection {
  /** The server's address, as http://127.0.0.1:8080. */
  url: string;
  /** A bearer token (`visavis token`). */
  token: string;
}

/** @returns calls a route; rejects with ApiError */
export function connect({ url, token }: Connection) {
  return async function call<N extends RouteName>(
    route: N,
    ...[input]: Record<string, never> extends Input<N> ? [Input<N>?] : [Input<N>]
  ): Promise<Answer<N>> {
    const [method, template] = route.split(' ') as [string, string];
    const {
      params = {},
      body,
      query = {},
      signal,
    } = (input ?? {}) as {
      params?: Record<string, string>;
      body?: unknown;
      query?: Record<string, string>;
      signal?: AbortSignal;
    };
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
    const address = new URL(path, url);
    address.search = new URLSearchParams(query).toString();
    const response = await fetch(address, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    }).catch((error: unknown) => {
      const { cause, message } = error as Error & { cause?: Error };
      throw new ApiError(0, 'unavailable', `${address.origin} does not answer: ${cause?.message ?? message}.`);
    });
    const text = await response.text();
    let answer: { error?: { code: string; message: string } };
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      throw new ApiError(response.status, 'internal', `${address.origin} answers no JSON; is this visavis?`);
    }
    if (!response.ok)
      throw new ApiError(
        response.status,
        answer.error?.code ?? 'internal',
        answer.error?.message ?? `${address.origin} answered ${response.status}.`,
      );
    return answer as Answer<N>;
  };
}

export type Api = ReturnType<typeof connect>;
