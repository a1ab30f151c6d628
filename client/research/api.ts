/** @file Reading from the server; a refusal becomes an error with the server's sentence. */
import type {
  AccountLink,
  AccountView,
  Audit,
  Me,
  Role,
  SignIn,
  TokenScope,
  TokenView,
} from '../../contract/access.ts';
import type { Prescreen } from '../../contract/prescreen.ts';
import type { ProlificAccount, Quote, Recruitment, RecruitmentForm } from '../../contract/prolific.ts';
import type { JobList, JobView } from '../../contract/jobs.ts';
import type { ManyModelsReport, Report } from '../../contract/report.ts';
import type { DraftChange, DraftList, Material, PromptList, StoredDraft, StudyCheck } from '../../contract/editor.ts';
import type { StudyFile } from '../../contract/study-file.ts';
import type { CopySize } from '../../contract/copies.ts';
import type {
  CommentRequest,
  Contrasts,
  Gallery,
  Live,
  PairVotes,
  ShareView,
  StudyChange,
  StudyComment,
  StudySummary,
} from '../../contract/research.ts';
import type { Quality, Reopened } from '../../contract/quality.ts';
import type { TrainingRun } from '../../contract/training.ts';

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(`/api${path}`, init);
  const body = (await response.json()) as T & { error?: { message: string } };
  if (!response.ok)
    throw Object.assign(new Error(body.error?.message ?? response.statusText), { status: response.status });
  return body;
}

const send = <T>(method: string, path: string, body?: object) =>
  request<T>(path, {
    method,
    ...(body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });

const study = (name: string) => `/studies/${encodeURIComponent(name)}`;

const revealing = (reveal: boolean) => (reveal ? '?reveal=true' : '');
export const readStudies = (all = false) => request<{ studies: StudySummary[] }>(`/studies${all ? '?all=true' : ''}`);
export const readStudy = (name: string) => request<StudySummary>(study(name));
export const readReport = (name: string, reveal: boolean) =>
  request<Report | ManyModelsReport>(`${study(name)}/report${revealing(reveal)}`);
export const figureAddress = (name: string, reveal: boolean) => (figure: string, ending: string) =>
  `/api${study(name)}/figures/${figure}.${ending}${revealing(reveal)}`;
export const readShares = (name: string) => request<{ shares: ShareView[] }>(`${study(name)}/shares`);
export const addShare = (name: string, share: { days: number; label: string }) =>
  send<{ id: string; path: string; url?: string }>('POST', `${study(name)}/shares`, share);
export const endShare = (name: string, id: string) => send('DELETE', `${study(name)}/shares/${id}`);
export const readLive = (name: string) => request<Live>(`${study(name)}/live`);
export const readQuality = (name: string, isQuick = false) =>
  request<Quality>(`${study(name)}/annotators${isQuick ? '?reliability=false' : ''}`);
export const setExcluded = (name: string, annotator: string, excluded: boolean, reason: string) =>
  send('POST', `${person(name, annotator)}/${excluded ? 'exclude' : 'include'}`, { reason });
export const reopenSeats = (name: string) => send<Reopened>('POST', `${study(name)}/annotators/reopen`);
/** @param first so many pairs alone, from the start */
export const readGallery = (name: string, reveal: boolean, first?: number) =>
  request<Gallery>(
    `${study(name)}/pairs?${new URLSearchParams({ ...(reveal && { reveal: 'true' }), ...(first !== undefined && { first: String(first) }) })}`,
  );
export const readContrasts = (name: string) => request<Contrasts>(`${study(name)}/contrasts`);
export const readPairVotes = (name: string, position: number, reveal: boolean) =>
  request<PairVotes>(`${study(name)}/pairs/${position}${revealing(reveal)}`);
export const pairImage = (name: string, position: number, side: 'a' | 'b', at: CopySize) =>
  `/api${study(name)}/pairs/${position}/${side}?at=${at}`;
export const readInvite = (name: string) => request<{ path: string; url?: string }>(`${study(name)}/invite`);
export const changeStudy = (name: string, change: StudyChange) => send<StudySummary>('PATCH', study(name), change);
export const setState = (name: string, state: StudySummary['state']) => changeStudy(name, { state });
export const deleteStudy = (name: string, typed: string) =>
  send<{ votes: number }>('DELETE', study(name), { name: typed });
export const readComments = (name: string) => request<{ comments: StudyComment[] }>(`${study(name)}/comments`);
export const addComment = (name: string, comment: CommentRequest) =>
  send<StudyComment>('POST', `${study(name)}/comments`, comment);
export const dropComment = (name: string, id: string) => send('DELETE', `${study(name)}/comments/${id}`);
const person = (name: string, annotator: string) => `${study(name)}/annotators/${encodeURIComponent(annotator)}`;
export const personAddress = (name: string, annotator: string) => `/api${person(name, annotator)}`;
export const erasePerson = (name: string, annotator: string) =>
  send<{ erased: { study: string; pseudonym: string }[] }>('DELETE', person(name, annotator));

const prolific = (name: string, what = '') => `${study(name)}/prolific${what}`;
export const readProlific = () => request<{ token: 'environment' | 'stored' | null }>('/prolific');
export const readProlificAccount = () => request<ProlificAccount>('/prolific/account');
export const keepProlificToken = (token: string) => send('PUT', '/prolific/token', { token });
export const forgetProlificToken = () => send('DELETE', '/prolific/token');
export const readRecruitment = (name: string) => request<Recruitment>(prolific(name));
export const quoteRecruitment = (name: string, form: RecruitmentForm) =>
  send<Quote>('POST', prolific(name, '/quote'), form);
export const draftRecruitment = (name: string, form: RecruitmentForm) =>
  send<Recruitment>('POST', prolific(name), form);
export const testRecruitment = (name: string) => send<{ url: string }>('POST', prolific(name, '/test'));
export const publishRecruitment = (name: string, typed: string) =>
  send<Recruitment>('POST', prolific(name, '/publish'), { name: typed });
export const moveRecruitment = (name: string, verb: 'pause' | 'resume' | 'look') =>
  send<Recruitment>('POST', prolific(name, `/${verb}`));
export const setRecruitmentPlaces = (name: string, places: number) =>
  send<Recruitment>('PUT', prolific(name, '/places'), { places });
export const approveSubmissions = (name: string, submissions?: string[]) =>
  send<{ approved: number }>('POST', prolific(name, '/approve'), submissions === undefined ? {} : { submissions });
export const askReturn = (name: string, submission: string, reason: string) =>
  send('POST', prolific(name, '/ask-return'), { submission, reason });
export const payBonuses = (name: string, bonuses: { submission: string; cents: number }[]) =>
  send<{ people: number; cents: number }>('POST', prolific(name, '/bonus'), { bonuses });
export const payOwed = (name: string) => send<{ people: number; cents: number }>('POST', prolific(name, '/pay-owed'));
export const settleBonus = (name: string, submission: string, paid: boolean) =>
  send<Recruitment>('POST', prolific(name, '/settle-bonus'), { submission, paid });
export const discardRecruitment = (name: string) => send('DELETE', prolific(name));

export const readPrescreens = () => request<{ prescreens: Prescreen[] }>('/prescreens');
export const readPrescreen = (id: string) => request<Prescreen>(`/prescreens/${encodeURIComponent(id)}`);
export const createStudy = (id: string, name: string) =>
  send<{ name: string }>('POST', `/prescreens/${encodeURIComponent(id)}/study`, { name });
export const readJobs = () => request<JobList>('/jobs');
export const cancelJob = (id: string) => send<JobView>('POST', `/jobs/${encodeURIComponent(id)}/cancel`);
export const readRuns = () => request<{ runs: TrainingRun[] }>('/runs');

/** The answer's status; undefined when there was none. Not a form: with the page's referrer policy it would not say where it comes from. */
export const signIn = (fields: Record<string, string>) =>
  fetch('/research/login', { method: 'POST', body: new URLSearchParams(fields) }).then(
    ({ status }) => status,
    () => undefined,
  );
export async function readWaysIn(): Promise<SignIn> {
  const response = await fetch('/research/login/ways');
  if (!response.ok) throw new Error('The server does not answer; try again.');
  return (await response.json()) as SignIn;
}
export const readMe = () => request<Me>('/me');
export const setPassword = (change: { current?: string; password: string }) => send('PUT', '/me/password', change);
export const signOut = () => send('DELETE', '/me/session');
export const endMySessions = () => send('DELETE', '/me/sessions');
export const endEverySession = () => send('DELETE', '/sessions');
export const readAccounts = () => request<{ accounts: AccountView[] }>('/accounts');
export const addAccount = (account: { name: string; role: Role }) => send<AccountLink>('POST', '/accounts', account);
export const changeAccount = (id: string, change: { role?: Role; disabled?: boolean }) =>
  send<AccountView>('PATCH', `/accounts/${id}`, change);
export const linkForAccount = (id: string) => send<AccountLink>('POST', `/accounts/${id}/link`);
export const readTokens = () => request<{ tokens: TokenView[] }>('/tokens');
export const addToken = (token: { label: string; scope: TokenScope }) =>
  send<{ id: string; token: string }>('POST', '/tokens', token);
export const revokeToken = (id: string) => send('DELETE', `/tokens/${encodeURIComponent(id)}`);
export const readAudit = () => request<Audit>('/audit');

export const readMaterial = () => request<Material>('/material');
export const readPrompts = (set: string) => request<PromptList>(`/prompt-sets/${encodeURIComponent(set)}`);
export const promptImage = (
  set: string,
  position: number,
  { model, beside }: { model: string; beside: string },
  at: CopySize,
) => {
  const asked = new URLSearchParams({ model, beside, at: String(at) }).toString();
  return `/api/prompt-sets/${encodeURIComponent(set)}/images/${position}?${asked}`;
};
export const addPrompts = (set: { name: string; format: string; text: string }) =>
  send<{ name: string; prompts: number }>('POST', '/prompt-sets', set);
export const checkStudy = (study: { yaml: string } | { file: object }) =>
  send<StudyCheck>('POST', '/studies/check', study);
export const previewStudy = (file: object) => send<{ path: string }>('POST', '/studies/preview', { file });
export const readDrafts = () => request<DraftList>('/drafts');
export const readDraft = (id: string) => request<StoredDraft>(`/drafts/${encodeURIComponent(id)}`);
export const keepDraft = (id: string, change: Omit<DraftChange, 'content'> & { content: object }) =>
  send<StoredDraft>('PUT', `/drafts/${id}`, change);
export const dropDraft = (id: string, version: number) => send('DELETE', `/drafts/${id}`, { version });
export const addStudy = (file: object) => send<StudySummary>('POST', '/studies', { file });
export const readStudyFile = (name: string) => request<StudyFile>(`${study(name)}/file`);
export const htmlOfMarkdown = (text: string) => send<{ html: string }>('POST', '/markdown', { text });

/** Images named 00000.png … by their prompt. @param onProgress the share that is sent, from 0 to 1 */
export function sendImages(
  asked: { name: string; prompts: string },
  images: readonly { file: File; position: number }[],
  onProgress: (share: number) => void,
): Promise<{ imported: number; converted: { change: string; images: number }[] }> {
  const form = new FormData();
  form.set('request', JSON.stringify(asked));
  for (const { file, position } of images) {
    const ending = file.name.slice(file.name.lastIndexOf('.')).toLowerCase();
    form.append('images', file, String(position).padStart(5, '0') + ending);
  }
  // fetch tells nothing of how far an upload is.
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 0 : loaded / total);
    sending.onerror = () => reject(new Error('The server does not answer; nothing was imported.'));
    sending.onload = () => {
      const body = JSON.parse(sending.responseText) as { imported: number; converted: []; error?: { message: string } };
      if (sending.status < 300) resolve(body);
      else reject(new Error(body.error?.message ?? sending.statusText));
    };
    sending.open('POST', '/api/models');
    sending.send(form);
  });
}
