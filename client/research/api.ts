/** @file Reading from the server; a refusal becomes an error with the server's sentence. */
import type { Prescreen } from '../../contract/prescreen.ts';
import type { ManyModelsReport, Report } from '../../contract/report.ts';
import type { StudySummary } from '../../contract/research.ts';
import type { TrainingRun } from '../../contract/training.ts';

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(`/api${path}`, init);
  const body = (await response.json()) as T & { error?: { message: string } };
  if (!response.ok)
    throw Object.assign(new Error(body.error?.message ?? response.statusText), { status: response.status });
  return body;
}

const study = (name: string) => `/studies/${encodeURIComponent(name)}`;

export const readStudies = () => request<{ studies: StudySummary[] }>('/studies');
export const readReport = (name: string, reveal: boolean) =>
  request<Report | ManyModelsReport>(`${study(name)}/report${reveal ? '?reveal=true' : ''}`);
export const figureAddress = (name: string, reveal: boolean) => (figure: string, ending: string) =>
  `/api${study(name)}/figures/${figure}.${ending}${reveal ? '?reveal=true' : ''}`;
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
