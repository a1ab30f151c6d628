/** @file The Express application: headers, pages, images, API, health. */
import compression from 'compression';
import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';
import type { Database } from '../db/open.ts';
import { checkWritable } from '../db/queries/sessions.ts';
import type { ImageStore } from '../evaluator/engine/images/store.ts';
import type { Aside } from './aside/aside.ts';
import { httpStatus, logFailure, ServiceError, toFailure } from './errors.ts';
import type { Health } from './health.ts';
import { annotateApi } from './http/annotate.ts';
import { annotatorImages } from './http/images.ts';
import type { Metrics } from './http/metrics.ts';
import type { Limits } from './http/limits.ts';
import type { OpenIdConfig } from './http/openid.ts';
import { prolificHook } from './http/prolific.ts';
import { openApi } from './http/openapi.ts';
import type { Origins } from './http/origins.ts';
import { pages } from './http/pages.ts';
import type { PrescreenParts } from './http/prescreens.ts';
import { sharedReports } from './http/shared.ts';
import { researchApi } from './http/research.ts';
import type { Sessions } from './http/session.ts';
import type { Recruiting } from './prolific/recruiting.ts';
import type { AnnotatorEvents } from './socket/annotator-events.ts';
import type { Previews } from './socket/previews.ts';

export interface AppParts {
  annotators: AnnotatorEvents;
  previews: Previews;
  db: Database;
  aside: Aside;
  imports: Aside;
  images: ImageStore;
  sessions: Sessions;
  metrics: Metrics;
  health: Health;
  log: Logger;
  origins: Origins;
  limits: Limits;
  publicUrl: string | undefined;
  openid: OpenIdConfig | undefined;
  recruiting: Recruiting;
  /** Prolific has told something. */
  onProlific: () => void;
  prescreens: Omit<PrescreenParts, 'db' | 'aside'>;
}

export function createApp({
  annotators,
  previews,
  db,
  aside,
  imports,
  images,
  sessions,
  metrics,
  health,
  log,
  origins,
  limits,
  publicUrl,
  openid,
  recruiting,
  onProlific,
  prescreens,
}: AppParts): Express {
  const app = express();
  app.set('etag', false);
  app.set('trust proxy', origins.trusted);
  app.disable('x-powered-by');
  app.use(
    pinoHttp({
      logger: log,
      // Tokens and keys are in the paths; what is logged of a request is its method, status and time.
      serializers: {
        req: ({ method }: { method: string }) => ({ method }),
        res: ({ statusCode }: { statusCode: number }) => ({ statusCode }),
      },
    }),
  );
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
          imgSrc: ["'self'", 'blob:', 'data:'],
          fontSrc: ["'self'"],
          connectSrc: ["'self'"],
          frameSrc: ["'self'"],
          baseUri: ["'none'"],
          formAction: ["'self'"],
          frameAncestors: ["'none'"],
        },
      },
      // The server speaks plain HTTP; a proxy with TLS adds this header itself.
      strictTransportSecurity: false,
      referrerPolicy: { policy: 'no-referrer' },
    }),
  );

  app.get('/healthz', (_request, response) => void response.json({ ok: true }));
  app.get('/readyz', async (_request, response) => {
    await checkWritable(db);
    const problems = health.sentences;
    if (problems.length === 0) response.json({ ok: true });
    else response.status(503).json({ ok: false, problems });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  });
  app.get('/api/openapi.json', (_request, response) => void response.json(openApi()));

  app.use(prolificHook(recruiting, limits, onProlific));
  app.use(annotateApi(annotators, origins));
  app.use(annotatorImages(db, previews, images, health));
  app.use(compression());
  app.use(sharedReports({ db, aside, limits }));
  app.use(pages({ db, previews, sessions, origins, limits, publicUrl, openid, log }));
  app.use(
    '/api',
    researchApi({ db, previews, aside, imports, images, sessions, origins, limits, publicUrl, recruiting, prescreens }),
  );
  app.use(() => {
    throw new ServiceError('not-found', 'There is nothing at this address.');
  });
  app.use(errorHandler(log, metrics));
  return app;
}

function errorHandler(log: Logger, metrics: Metrics): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const failure = isBadRequest(error)
      ? { code: 'bad-request' as const, message: `This request cannot be read: ${error.message}.` }
      : toFailure(error);
    if (!isBadRequest(error)) logFailure(log, error, metrics);
    metrics.refusals.inc({ code: failure.code });
    response.status(httpStatus[failure.code]).json({ error: failure });
  };
}

/** What Express and its body parser throw for an address or a body that cannot be read, or is too large. */
function isBadRequest(error: unknown): error is Error {
  return error instanceof Error && 'status' in error && Number(error.status) >= 400 && Number(error.status) < 500;
}
