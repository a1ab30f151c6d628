/** @file The HTTP API in OpenAPI 3.1, generated from the contract's routes. */
import { z } from 'zod';
import { failureSchema } from '../../contract/annotate.ts';
import { routes } from '../../contract/routes.ts';

export function openApi(): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const { method, path, summary, answer } = route;
    const body = 'body' in route ? route.body : undefined;
    const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
    (paths[path] ??= {})[method] = {
      summary,
      parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...(body === undefined ? {} : { requestBody: { required: true, content: json(body, 'input') } }),
      responses: {
        200: { description: 'Done', content: json(answer, 'output') },
        default: {
          description: 'Refused',
          content: json(z.object({ error: failureSchema.describe('Why.') }), 'output'),
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'visavis', version: '1' },
    security: [{ session: [] }, { token: [] }],
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'visavis_session' },
        token: { type: 'http', scheme: 'bearer' },
      },
    },
    paths,
  };
}

function json(schema: z.ZodType, io: 'input' | 'output') {
  return { 'application/json': { schema: z.toJSONSchema(schema, { io }) } };
}
