/** @file Reading from the server; a refusal becomes an error with the server's sentence. */
import type { Prescreen } from '../../contract/prescreen.ts';
import type { ManyModelsReport, Report } from '../../contract/report.ts';
import type { CopySize } from '../../contract/copies.ts';
import type { Gallery, PairVotes, StudySummary } from '../../contract/research.ts';
import type { TrainingRun } from '../../contract/training.ts';

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(`/api${path}`, init);
  const body = (await response.json()) as T & { error?: { message: string } };
  if (!response.ok)
    throw Object.assign(new Error(body.error?.message ?? response.statusText), { status: response.status });
  return body;
}

const study = (name: string) => `/studies/${encodeURIComponent(name)}`;

const revealing = (reveal: boolean) => (reveal ? '?reveal=true' : '');
export const readStudies = () => request<{ studies: StudySummary[] }>('/studies');
export const readStudy = (name: string) => request<StudySummary>(study(name));
export const readReport = (name: string, reveal: boolean) =>
  request<Report | ManyModelsReport>(`${study(name)}/report${revealing(reveal)}`);
export const figureAddress = (name: string, reveal: boolean) => (figure: string, ending: string) =>
  `/api${study(name)}/figures/${figure}.${ending}${revealing(reveal)}`;
export const readGallery = (name: string, reveal: boolean) =>
  request<Gallery>(`${study(name)}/pairs${revealing(reveal)}`);
export const readPairVotes = (name: string, position: number, reveal: boolean) =>
  request<PairVotes>(`${study(name)}/pairs/${position}${revealing(reveal)}`);
export const pairImage = (name: string, position: number, side: 'a' | 'b', at: CopySize) =>
  `/api${study(name)}/pairs/${position}/${side}?at=${at}`;
export const readInvite = (name: string) => request<{ path: string; url?: string }>(`${study(name)}/invite`);
export const setState = (name: string, state: StudySummary['state']) =>
  request<StudySummary>(study(name), {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ state }),
  });

export const readPrescreens = () => request<{ prescreens: Prescreen[] }>('/prescreens');
export const readPrescreen = (id: string) => request<Prescreen>(`/prescreens/${encodeURIComponent(id)}`);
export const createStudy = (id: string, name: string) =>
  request<{ name: string }>(`/prescreens/${encodeURIComponent(id)}/study`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name }),
  });
export const readRuns = () => request<{ runs: TrainingRun[] }>('/runs');
