/** @file The HTTP API of recruiting on Prolific, and where Prolific tells that something changed. */
import { raw, Router } from 'express';
import {
  approveSchema,
  askReturnSchema,
  bonusSchema,
  placesSchema,
  prolificTokenSchema,
  publishSchema,
  recruitmentFormSchema,
  settleBonusSchema,
} from '../../contract/prolific.ts';
import type { Aside } from '../aside/aside.ts';
import { hookPath } from '../prolific/hooks.ts';
import type { Recruiting } from '../prolific/recruiting.ts';
import type { Limits } from './limits.ts';
import { allowed, bodyOf } from './researcher.ts';

const largestHook = '64kb';

/** @param wake Prolific has told something */
export function prolificHook(recruiting: Recruiting, limits: Limits, wake: () => void): Router {
  const router = Router();
  router.post(hookPath, raw({ type: () => true, limit: largestHook }), async (request, response) => {
    const message = {
      signature: request.get('x-prolific-request-signature') ?? '',
      timestamp: request.get('x-prolific-request-timestamp') ?? '',
      eventId: request.get('x-event-id'),
    };
    // A request without a body leaves none.
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const isNews = await recruiting.hooks.isNews(message, body).catch(async (error: unknown) => {
      await limits.countWrongKey(request);
      throw error;
    });
    if (isNews) wake();
    response.json({ ok: true });
  });
  return router;
}

/** Whether there is a token, and what its account has. */
export function prolificApi(recruiting: Recruiting): Router {
  const router = Router();
  router.get('/', async (_request, response) => {
    allowed(response, 'research');
    response.json({ token: await recruiting.account.tokenSource() });
  });
  router.get('/account', async (_request, response) => {
    allowed(response, 'research');
    response.json(await recruiting.account.read());
  });
  router.put('/token', async (request, response) => {
    const { actor } = allowed(response, 'own');
    await recruiting.account.keepToken(bodyOf(prolificTokenSchema, request).token, actor);
    response.json({ done: true });
  });
  router.delete('/token', async (_request, response) => {
    await recruiting.account.forgetToken(allowed(response, 'own').actor);
    response.json({ done: true });
  });
  return router;
}

/** Of one study; mounted below its name. */
export function recruitmentApi(recruiting: Recruiting, aside: Aside): Router {
  const router = Router({ mergeParams: true });
  const nameIn = (params: object) => (params as { name: string }).name;
  const view = async (name: string) => {
    const { medianSeconds } = await aside.run('live', { name });
    return recruiting.view(name, medianSeconds);
  };
  router.get('/', async (request, response) => {
    allowed(response, 'research');
    response.json(await view(nameIn(request.params)));
  });
  router.post('/', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const name = nameIn(request.params);
    await recruiting.draft(name, bodyOf(recruitmentFormSchema, request), actor);
    response.status(201).json(await view(name));
  });
  router.post('/quote', async (request, response) => {
    allowed(response, 'research');
    response.json(await recruiting.quote(nameIn(request.params), bodyOf(recruitmentFormSchema, request)));
  });
  router.post('/test', async (request, response) => {
    const { actor } = allowed(response, 'research');
    response.json({ url: await recruiting.test(nameIn(request.params), actor) });
  });
  router.post('/publish', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const name = nameIn(request.params);
    await recruiting.publish(name, bodyOf(publishSchema, request).name, actor);
    response.json(await view(name));
  });
  for (const verb of ['pause', 'resume'] as const)
    router.post(`/${verb}`, async (request, response) => {
      const { actor } = allowed(response, 'research');
      const name = nameIn(request.params);
      await recruiting[verb](name, actor);
      response.json(await view(name));
    });
  router.post('/look', async (request, response) => {
    allowed(response, 'research');
    const name = nameIn(request.params);
    await recruiting.lookByName(name);
    response.json(await view(name));
  });
  router.put('/places', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const name = nameIn(request.params);
    await recruiting.setPlaces(name, bodyOf(placesSchema, request).places, actor);
    response.json(await view(name));
  });
  router.post('/approve', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const { submissions } = bodyOf(approveSchema, request);
    response.json({ approved: await recruiting.payments.approve(nameIn(request.params), submissions, actor) });
  });
  router.post('/ask-return', async (request, response) => {
    const { actor } = allowed(response, 'research');
    await recruiting.payments.askReturn(nameIn(request.params), bodyOf(askReturnSchema, request), actor);
    response.json({ done: true });
  });
  router.post('/bonus', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const { bonuses } = bodyOf(bonusSchema, request);
    response.json(await recruiting.payments.payBonuses(nameIn(request.params), bonuses, actor));
  });
  router.post('/pay-owed', async (request, response) => {
    const { actor } = allowed(response, 'research');
    response.json(await recruiting.payments.payOwed(nameIn(request.params), actor));
  });
  router.post('/settle-bonus', async (request, response) => {
    const { actor } = allowed(response, 'research');
    const name = nameIn(request.params);
    await recruiting.payments.settleBonus(name, bodyOf(settleBonusSchema, request), actor);
    response.json(await view(name));
  });
  router.delete('/', async (request, response) => {
    const { actor } = allowed(response, 'research');
    await recruiting.discard(nameIn(request.params), actor);
    response.json({ done: true });
  });
  return router;
}
