/**
 * @file The tables as kysely sees them. Text ids, times in milliseconds since 1970, booleans as 0/1, JSON as text:
 * the same on SQLite and PostgreSQL. `schema.sql` beside this file is generated from the migrations; read it first.
 */
import type { Generated } from 'kysely';

export interface PromptSetTable {
  id: string;
  name: string;
  source_sha256: string;
  created_at: number;
}

export interface PromptTable {
  id: string;
  prompt_set_id: string;
  position: number;
  text: string;
  category: string | null;
  challenge: string | null;
  note: string | null;
}

export interface ModelTable {
  id: string;
  name: string;
  kind: 'pipeline' | 'imported';
  /** JSON of the evaluator's ModelSettings; `{}` for an imported model. */
  settings: string;
  created_at: number;
}

export interface RenderTable {
  id: string;
  model_id: string;
  prompt_id: string;
  seed: number;
  image_sha256: string;
  width: number;
  height: number;
  /** JSON: what made the image (hashes, sampler, steps, guidance, library, device), or where it was imported from. */
  provenance: string;
  created_at: number;
  /** Base64 of [8, 8, 3]: the image's colours from afar; null of what was made before they were kept. */
  thumbnail: string | null;
}

export interface RenderFailureTable {
  model_id: string;
  prompt_id: string;
  seed: number;
  message: string;
  created_at: number;
}

export type StudyState = 'draft' | 'open' | 'paused' | 'closed';
export type Population = 'people' | 'simulated';
export type Side = 'left' | 'right';
export type Choice = 'left' | 'right' | 'tie';

export interface StudyTable {
  id: string;
  name: string;
  prompt_set_id: string;
  /** JSON array in the order in which they are asked. */
  criteria: string;
  votes_per_pair: number;
  ties: number;
  seed: number;
  state: StudyState;
  invite_token: string;
  simulation_token: string;
  /** The prescreen whose best models it compares. */
  prescreen_id: string | null;
  created_at: number;
  /** The size of the stratified sample of prompts that was asked for; null: all prompts. */
  prompt_sample: Generated<number | null>;
  /** JSON of the contract's Visit; null: nothing but the voting. */
  visit: Generated<string | null>;
  /** When it was put out of the way; null while lists show it. */
  archived_at: Generated<number | null>;
  /** JSON of the contract's Plan; null: none was made. */
  plan: Generated<string | null>;
  /** SHA-256 of the study's file as canonical JSON, where there is a plan. */
  plan_sha256: Generated<string | null>;
  /** The paper that it replicates: a name of the contract's presets. */
  preset: Generated<string | null>;
  /** JSON of the questions of its own, the contract's OwnCriterion; null: none. */
  own_criteria: Generated<string | null>;
  /** Whether a tie can say that neither image will do. */
  both_bad: Generated<number>;
  /** Whether an annotator answers one criterion of a pair: each seat has its own. */
  split: Generated<number>;
  /** When it was closed last; null while it is not, and for one that was closed before this was noted. */
  closed_at: Generated<number | null>;
  /** JSON of the contract's Active; null: all pairs are asked, fixed from the start. */
  active: Generated<string | null>;
  /** JSON: of each pairing how likely it is drawn next, where that is not even. */
  active_odds: Generated<string | null>;
  /** Pairs that were drawn. */
  active_drawn: Generated<number>;
  /** Seats beyond votes_per_pair of each pair: for the pairs of people who are left out. */
  extra_seats: Generated<number>;
}

/** Two models of a study that are compared. */
/** What a researcher says of a study, or of one of its pairs. */
export interface CommentTable {
  id: string;
  study_id: string;
  /** Position of the pair; null: of the whole study. */
  pair: number | null;
  /** As the log names who did something. */
  author: string;
  text: string;
  created_at: number;
}

/** A study that is being written. */
export interface DraftTable {
  id: string;
  /** Of the study that it will be. */
  name: string;
  /** JSON, as the editor has it. */
  content: string;
  /** Grows with each change, so that nobody overwrites what they have not seen. */
  version: number;
  created_at: number;
  updated_at: number;
}

/** A draft as annotators would see it, for some hours. */
export interface PreviewTable {
  token: string;
  /** JSON of the study's file and of the rows that it needs. */
  material: string;
  created_at: number;
}

export interface PairingTable {
  study_id: string;
  /** In the study's order from 0. */
  position: number;
  model_a_id: string;
  model_b_id: string;
}

export interface PairTable {
  id: string;
  study_id: string;
  prompt_id: string;
  render_a_id: string;
  render_b_id: string;
  /** In the study's order from 0; below 0 what serves as a check alone. */
  position: number;
  /** How many prompts of the set it stands for, where some were sampled more than others; null: all the same. */
  weight: number | null;
  /** The position of its pairing. */
  pairing: number;
  /** Of an active study: what an even draw of its pairing would have been, over what it was; null: pairs are not drawn. */
  draw_weight: number | null;
}

/** A pair that an active study may still draw; in its pairing the one of the lowest place comes next. */
export interface PoolTable {
  study_id: string;
  pairing: number;
  place: number;
  prompt_id: string;
  render_a_id: string;
  render_b_id: string;
}

export interface SeatTable {
  id: string;
  study_id: string;
  pair_id: string;
  population: Population;
  seat_index: number;
  /** Of its pair; -1 for a seat outside the plan, which a check has. */
  position: number;
  side_a: Side;
  /** Follows from its assignments, by triggers. */
  state: 'free' | 'leased' | 'done';
  /** The one that is answered here, where the study splits them; null: all of them. */
  criterion: string | null;
}

/** A row from the moment its vote counts until it is taken back. */
export interface SlotTable {
  seat_id: string;
  criterion: string;
  vote_id: string;
}

/** Counted votes, kept by triggers; the sum over the shards. */
export interface TallyTable {
  study_id: string;
  population: Population;
  criterion: string;
  shard: number;
  a: number;
  b: number;
  tie: number;
}

export interface AnnotatorTable {
  id: string;
  study_id: string;
  population: Population;
  participant: string;
  created_at: number;
  /** Votes that count, by triggers; pairs finished, by triggers too but for those whose seat had gone (surplus). */
  votes: Generated<number>;
  done: Generated<number>;
  /** How often `votes` has moved, up or down, by triggers: equal at two times, the same votes count. */
  vote_changes: Generated<number>;
  /** Of the pair that they got last. */
  last_position: Generated<number>;
  /** Of their newest vote that counted. */
  last_assignment_id: Generated<string | null>;
  /** When they got their key; null until their first connection. */
  keyed_at: Generated<number | null>;
  /** SHA-256 of the secret that their first browser made, if it made one. */
  secret_hash: Generated<string | null>;
  /** Why their visit is over; null while it is not. */
  end_reason: Generated<'finished' | 'full' | 'no-consent' | 'device' | 'checks' | null>;
  /** The newest, on whatever server; null before the first. */
  connection: Generated<string | null>;
  /** Since when the crowd platform says that they have given the work back or lost it; null while they have it. */
  withdrawn_at: Generated<number | null>;
}

/** What somebody did at a step of their visit; only inserted. */
export interface VisitStepTable {
  annotator_id: string;
  /** In the order in which they were taken, from 0. */
  position: number;
  step: string;
  /** JSON of the contract's VisitStep, with what the server found beside. */
  answer: string;
  created_at: number;
}

export interface AssignmentTable {
  id: string;
  study_id: string;
  pair_id: string;
  seat_id: string;
  annotator_id: string;
  side_a: Side;
  state: 'leased' | 'done' | 'expired';
  voted: number;
  created_at: number;
  expires_at: number;
  reopened_at: number | null;
  /** When its annotator set the pair aside; then it is expired for good, and `voted` keeps the pair from coming again. */
  skipped_at: number | null;
  /** All but work are checks, which count in no result. */
  kind: 'work' | 'gold' | 'repeat' | 'practice';
  /** When its last question was answered though its seat had gone. */
  surplus_at: number | null;
  /** Of its seat: the one that is asked, where the study splits them; null: all of them. */
  criterion: string | null;
}

export interface VoteTable {
  id: string;
  study_id: string;
  assignment_id: string;
  annotator_id: string;
  seat_id: string;
  criterion: string;
  choice: Choice;
  response_time_ms: number;
  counted: number;
  /** JSON array: the criteria that were still open after this vote, so that a retry gets the same answer. */
  remaining: string;
  created_at: number;
  /** JSON of the contract's Seen: what the page showed when it was cast; null when nothing was told. */
  seen: string | null;
  /** JSON of the contract's Point; null when no place was told. */
  point: string | null;
  /** 1: a tie because neither image will do. */
  both_bad: number;
}

/** What somebody found wrong with a pair; `missing`: the server itself, with its images. */
export interface ProblemTable {
  id: string;
  study_id: string;
  assignment_id: string;
  reason: 'skipped' | 'blurry' | 'offensive' | 'broken' | 'text' | 'missing';
  created_at: number;
}

/** Somebody went on as this annotator without their key. */
export interface TakeOverTable {
  id: string;
  annotator_id: string;
  created_at: number;
  /** SHA-256 of the secret that their browser made, if it made one. */
  secret_hash: Generated<string | null>;
}

/** Somebody's votes are left out of the results from `created_at` to `ended_at`, null while they are. */
export interface ExclusionTable {
  id: string;
  study_id: string;
  annotator_id: string;
  reason: string;
  created_at: number;
  ended_at: number | null;
  /** Why it was taken back; null where nobody said. */
  ended_reason: string | null;
}

/** How often something was tried until `ends_at`. */
export interface TriesTable {
  what: string;
  count: number;
  ends_at: number;
}

export interface RetractionTable {
  vote_id: string;
  created_at: number;
}

export type Role = 'owner' | 'researcher' | 'viewer';

/** Somebody who signs in to the research page. */
export interface AccountTable {
  id: string;
  /** Unique; lower case, in NFC. */
  name: string;
  role: Role;
  /** scrypt in the PHC format; null until a password is set. */
  password_hash: string | null;
  /** The OpenID provider's issuer and subject, with a space between them. */
  openid_subject: string | null;
  /** Signed into the account's sessions and tokens: a higher one ends them. */
  generation: number;
  created_at: number;
  disabled_at: number | null;
}

/** A session that was ended before its time; forgotten when that has come. */
export interface EndedSessionTable {
  id: string;
  expires_at: number;
}

/** A link to a study's report for people without an account. */
export interface ShareTable {
  id: string;
  key_sha256: string;
  study_id: string;
  label: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
}

/** A token for scripts; its text is signed and kept nowhere. */
export interface TokenTable {
  id: string;
  /** Whose it is; null for the command line's. */
  account_id: string | null;
  scope: string;
  label: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
}

/** What a researcher did; `hash` is of all the rest and `previous` the hash before. */
export interface AuditTable {
  position: number;
  created_at: number;
  actor: string;
  action: string;
  subject: string;
  previous: string;
  hash: string;
}

export interface LoginLinkTable {
  key_sha256: string;
  /** Whom it signs in; null: an owner without an account. */
  account_id: string | null;
  expires_at: number;
  used_at: number | null;
}

export interface ServerSecretTable {
  name: string;
  value: string;
}

export interface RewardTable {
  id: string;
  name: string;
  kind: string;
  /** JSON of the evaluator's RewardSettings. */
  settings: string;
  /** Of every file that decides a score; another network under the same name has another. */
  network_sha256: string;
  created_at: number;
}

export interface ScoreTable {
  render_id: string;
  reward_id: string;
  network_sha256: string;
  value: number;
  created_at: number;
}

/** A model that is one step of a training run. */
export interface CheckpointTable {
  model_id: string;
  run: string;
  step: number;
  device_seconds: number | null;
}

export type PrescreenState = 'queued' | 'running' | 'done' | 'failed';

export interface PrescreenTable {
  id: string;
  /** JSON of the request, as the contract has it. */
  request: string;
  idempotency_key: string | null;
  state: PrescreenState;
  /** JSON of how far it is: what is under way, done, total. */
  progress: string | null;
  /** JSON of the contract's PrescreenResult. */
  result: string | null;
  error: string | null;
  created_at: number;
  updated_at: number;
  /** Workers that ended without a word while they ran it. */
  lost_workers: number;
}

export interface TrainingRunTable {
  /** Absolute; holds log.jsonl. */
  folder: string;
  name: string;
  /** JSON of the trainer's settings. */
  settings: string;
  updated_at: number;
}

export type JobKind = 'render' | 'score' | 'prescreen' | 'train' | 'report';
/** Of a job and of its slices. */
export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export interface JobTable {
  id: string;
  kind: JobKind;
  /** For people: what is rendered with what. */
  title: string;
  /** JSON of what its slices are run with. */
  request: string;
  /** Of the same work; one such job waits or runs at a time. */
  request_sha256: string;
  /** Jobs of one key take about as long an item. */
  rate_key: string;
  /** cpu, cuda or webgpu: all of a job runs on one kind. Null until its first slice is taken. */
  device_kind: string | null;
  /** Where its images go: a worker with another store leaves it to others. */
  store: string;
  /** Of the weights that are loaded at once: a device with less leaves it to others. */
  memory_bytes: number;
  /** The highest goes first. */
  priority: number;
  state: JobState;
  error: string | null;
  created_at: number;
  updated_at: number;
}

export interface SliceTable {
  job_id: string;
  position: number;
  /** JSON of what of the job it is. */
  part: string;
  items: number;
  done: number;
  state: JobState;
  /** Of whoever runs it, or ran it last. */
  worker: string | null;
  /** JSON of what came out; of a training under way, where its last checkpoint is. */
  result: string | null;
  /** Why it failed, or failed last. */
  error: string | null;
  started_at: number | null;
  /** When its worker was heard of last. */
  heard_at: number | null;
  ended_at: number | null;
}

export interface RecruitmentTable {
  study_id: string;
  /** The crowd platform's id of it; null while it is being made there. */
  remote_id: string | null;
  /** JSON of what the researcher asked for. */
  settings: string;
  /** JSON of the completion code for each way in which a visit ends. */
  codes: string;
  /** Cents for each who finishes. */
  reward: number;
  places: number;
  places_taken: number;
  /** In the platform's words. */
  status: string;
  /** Why the platform could not be asked last. */
  problem: string | null;
  created_at: number;
  /** When the platform was asked last. */
  looked_at: number | null;
}

export interface SubmissionTable {
  id: string;
  study_id: string;
  /** Null while they have not opened the study's page. */
  annotator_id: string | null;
  /** In the platform's words; null until it was asked. */
  status: string | null;
  /** The completion code that they gave the platform. */
  code: string | null;
  /** Cents, as the platform tells. */
  bonus_told: number;
  /** Cents that it was asked to pay. */
  bonus_asked: number;
  /** When the last was asked for. */
  bonus_asked_at: number | null;
  /** The platform's id of what they came by; a study may be recruited for again. */
  remote_study: string | null;
  /** Of these, cents of which it is not known whether they were paid. */
  bonus_unsure: number;
  /** 1: the person finished, and was erased since. */
  finished: number;
  return_asked_at: number | null;
  started_at: number | null;
  created_at: number;
}

export interface ProlificWorkspaceTable {
  id: string;
  /** Sealed: with it the platform signs what it tells of this workspace. */
  secret: string;
  /** Where it tells it. */
  target: string;
  created_at: number;
}

export interface ProlificEventTable {
  id: string;
  created_at: number;
}

export interface Tables {
  recruitment: RecruitmentTable;
  submission: SubmissionTable;
  prolific_workspace: ProlificWorkspaceTable;
  prolific_event: ProlificEventTable;
  prompt_set: PromptSetTable;
  prompt: PromptTable;
  model: ModelTable;
  render: RenderTable;
  render_failure: RenderFailureTable;
  study: StudyTable;
  pairing: PairingTable;
  pair: PairTable;
  seat: SeatTable;
  slot: SlotTable;
  tally: TallyTable;
  annotator: AnnotatorTable;
  assignment: AssignmentTable;
  vote: VoteTable;
  retraction: RetractionTable;
  take_over: TakeOverTable;
  visit_step: VisitStepTable;
  exclusion: ExclusionTable;
  problem: ProblemTable;
  tries: TriesTable;
  login_link: LoginLinkTable;
  account: AccountTable;
  ended_session: EndedSessionTable;
  share: ShareTable;
  comment: CommentTable;
  pool: PoolTable;
  draft: DraftTable;
  preview: PreviewTable;
  token: TokenTable;
  audit: AuditTable;
  server_secret: ServerSecretTable;
  reward: RewardTable;
  score: ScoreTable;
  checkpoint: CheckpointTable;
  prescreen: PrescreenTable;
  training_run: TrainingRunTable;
  job: JobTable;
  slice: SliceTable;
}
