/**
 * @file What the annotation page is doing. The components show it; nothing else talks to the server. Answers are put into a queue
 * and the page goes on to the next question or to a pair that it holds already; the queue is sent behind its back.
 */
import { tick } from 'svelte';
import { SvelteSet } from 'svelte/reactivity';
import type {
  AssignmentAhead,
  AssignmentView,
  Failure,
  Point,
  ProblemInput,
  VoteInput,
} from '../../contract/annotate.ts';
import { hidesPrompt, isBuiltIn, type Criterion } from '../../contract/criteria.ts';
import type { Language, VisitStep, VisitView } from '../../contract/visit.ts';
import type { CopySize } from '../../contract/copies.ts';
import { freshUuid } from '../uuid.ts';
import { copyFor } from './fit.ts';
import { addressOf, decodeImage, decodeTime } from './images.ts';
import { Line, Refusal } from './line.ts';
import { Looking } from './looking.ts';
import { Pace } from './pace.ts';
import { allLanguages, language, showIn, t, wantedLanguages } from './texts/texts.svelte.ts';
import { VoteQueue } from './vote-queue.ts';

/** `bad`: a tie because neither image will do. */
export type Choice = VoteInput['choice'] | 'bad';
/** `visit`: a step before or after the voting; `feedback`: on a practice answer; `break`: one is offered. */
export type Stage = 'connecting' | 'visit' | 'judging' | 'feedback' | 'break' | 'finished' | 'full' | 'refused';
/** A step of the visit without what the page itself adds. */
export type StepTaken = VisitStep extends infer S ? (S extends VisitStep ? Omit<S, 'language'> : never) : never;
/** The question that is on screen, as its element says. */
export interface Asked {
  assignmentId: string;
  criterion: string;
  /** Its own button was pressed, of several questions on one screen. */
  isAimed?: boolean;
}

/** An answer this soon after its question was painted was meant for the one before, milliseconds. */
const tooSoonMs = 250;
/** How long something may be under way before the page says so, and before it says that something is wrong. */
const slowMs = 1000;
const stuckMs = 5000;
/** How often a study that has nothing to do is asked again. */
const againMs = 15_000;
/** Answers that an undo may still be about. */
const remembered = 60;
/** Pairs held beyond the one on screen. */
const wanted = 2;

type Pair = AssignmentView &
  Partial<Pick<AssignmentAhead, 'promptLater'>> & {
    /** The copy of both images that is shown until somebody looks closer; undefined: the images themselves. */
    at?: CopySize | undefined;
  };

export class Annotation {
  stage = $state<Stage>('connecting');
  /** Where the visit stands; undefined until the server has said it. */
  visit = $state.raw<VisitView>();
  assignment = $state<Pair>();
  /** Still to be answered for this pair; the first is being asked. */
  remaining = $state<Criterion[]>([]);
  prompt = $state<string | null>(null);
  /** Pairs that this annotator has finished, with those whose answers are still on their way. */
  done = $state(0);
  /** The question on screen was answered; the next one, or the next pair, is not here yet. */
  moving = $state(false);
  /** An image of this pair cannot be shown. */
  broken = $state(false);
  /** An answer was given, and its place is asked for. */
  pointing = $state(false);
  /** What was answered to the pair on screen, where all its questions stand there. */
  answers = $state<Record<Criterion, Choice>>({});
  /** The answer that was given last, for a moment. */
  chosen = $state<Choice>();
  /** Something has been under way for a while, or for too long. */
  delay = $state<'slow' | 'stuck'>();
  unsent = $state(0);
  refusal = $state<Failure>();
  notice = $state('');
  /** The server's own word on why it does not answer yet. */
  reason = $state<string>();

  /** Minutes until the end at this person's pace; undefined while it is not known. */
  minutesLeft = $state<number>();

  readonly criterion = $derived(this.remaining[0]);
  readonly question = $derived(this.criterion === undefined ? '' : this.questionOf(this.criterion));
  /** What is meant by a question of the study's own. */
  readonly help = $derived(this.criterion === undefined ? undefined : this.helpOf(this.criterion));
  /** The pair on screen is practice: its place among them. */
  readonly practice = $derived(this.stage === 'judging' ? this.visit?.practice : undefined);
  /** All questions of the pair stand on screen. */
  readonly isTogether = $derived(this.visit?.oneScreen === true && this.practice === undefined);
  readonly ready = $derived(this.stage === 'judging' && !this.moving && !this.broken && !this.pointing);
  /** The zoom stays from pair to pair: images come with all of their pixels. */
  isMagnified = false;
  readonly looking = new Looking();

  readonly #line: Line;
  readonly #queue: VoteQueue;
  readonly #pace = new Pace();
  #votes: VoteInput[] = [];
  /** Votes that were cast from here and not taken back: an undo names the newest. */
  #cast: VoteInput[] = [];
  #sending: Promise<void> | undefined;
  #ahead: Pair[] = [];
  /** Pairs that are done with here, though the server may not have heard yet. */
  readonly #past = new SvelteSet<string>();
  /** Counts what is asked to be shown: what comes late for an earlier one is dropped. */
  #shows = 0;
  /** An undo or a report is under way; a vote's answer must not open the page meanwhile. */
  #isBusy = false;
  /** Votes were delivered from here. */
  #hasWorked = false;
  #isRefilling = false;
  #wantsMore = true;
  #shownAt = Infinity;
  #waitingSince: number | undefined;
  #awaySince: number | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(token: string, participant: string | undefined, submission: string | undefined) {
    this.#queue = new VoteQueue(token, participant);
    this.#line = new Line({
      token,
      participant,
      submission,
      onsession: ({ done }) => (this.done = Math.max(this.done, done)),
      onrefused: (failure) => this.#refuse(failure),
      onstate: (works, why) => {
        this.reason = why;
        this.#awaySince = works ? undefined : (this.#awaySince ?? performance.now());
      },
    });
    setInterval(() => this.#lookAtTheClock(), 200);
    void this.#begin();
  }

  /** A built-in question in the page's own words, one of the study's in its own. */
  questionOf(criterion: Criterion): string {
    if (isBuiltIn(criterion)) return t().questions[criterion];
    return this.visit?.questions?.find(({ id }) => id === criterion)?.question ?? criterion;
  }

  helpOf(criterion: Criterion): string | undefined {
    return this.visit?.questions?.find(({ id }) => id === criterion)?.help;
  }

  /** It was the same person in another browser. */
  takeOver(): void {
    this.#enter(true);
  }

  /** @param asked the question that the answer is to, as it stands on screen */
  vote(choice: Choice, asked: Asked): void {
    const { assignment } = this;
    const { criterion, isAimed = false } = asked;
    if (!this.ready || assignment === undefined || asked.assignmentId !== assignment.id) return;
    if (!(this.isTogether ? this.remaining.includes(criterion) : criterion === this.criterion)) return;
    const isTie = choice === 'tie' || choice === 'bad';
    if (choice === 'tie' && !assignment.ties) return;
    if (choice === 'bad' && assignment.bothBad !== true) return;
    const responseTimeMs = Math.round(performance.now() - this.#shownAt);
    const isFollowing = this.isTogether && isAimed && Object.keys(this.answers).length > 0;
    if (!(responseTimeMs >= (isFollowing ? 0 : tooSoonMs))) return;
    const { practice } = this;
    if (practice !== undefined) {
      if (!isTie) void this.takeStep({ step: 'practice', index: practice.index, choice });
      return;
    }
    const given: VoteInput = {
      voteId: freshUuid(),
      assignmentId: assignment.id,
      criterion,
      choice: choice === 'bad' ? 'tie' : choice,
      ...(choice === 'bad' ? { bothBad: true } : {}),
      responseTimeMs,
      seen: this.looking.seen(),
    };
    this.notice = '';
    this.chosen = choice;
    this.answers = { ...this.answers, [criterion]: choice };
    if (this.visit?.pointAt && !isTie && assignment.instructed === undefined) {
      // Kept from now on: only its place is still open.
      void this.#queue.put(given);
      this.#given = given;
      this.pointing = true;
    } else this.#settle(given);
  }

  /** The place that decided the answer just given; undefined: it stays untold. */
  point(place: Point | undefined): void {
    const given = this.#given;
    if (given === undefined) return;
    this.#given = undefined;
    this.pointing = false;
    this.#settle(place === undefined ? given : { ...given, point: place });
  }
  #given: VoteInput | undefined;

  /** The answer counts without its place: its pair is left, by whatever way. */
  #leavePlaceUntold(): void {
    const given = this.#given;
    this.#given = undefined;
    this.pointing = false;
    if (given === undefined) return;
    this.chosen = undefined;
    this.#send(given);
  }

  /** Puts an answer into the queue and goes on. */
  #settle(given: VoteInput): void {
    const { assignment } = this;
    if (assignment === undefined || assignment.id !== given.assignmentId) return;
    this.#send(given);
    setTimeout(() => (this.chosen = undefined), 200);
    const rest = this.remaining.filter((criterion) => criterion !== given.criterion);
    const [following] = rest;
    if (following === undefined) {
      this.#past.add(assignment.id);
      this.done++;
      this.#pace.pairDone(performance.now());
      this.#breakIsDue = this.done % (this.visit?.breakAfter ?? Infinity) === 0;
      void this.#goOn();
    } else if (this.isTogether) this.#goOnWith(rest);
    else if (hidesPrompt(following, this.visit?.questions ?? [])) this.#askFor(rest, null);
    else if (this.prompt !== null) this.#askFor(rest, this.prompt);
    else if (assignment.promptLater !== undefined) this.#askFor(rest, assignment.promptLater);
    // The server tells the prompt with its answer.
    else this.#isMoving(true);
  }

  /** The break is over, or was not wanted. */
  endBreak(): void {
    if (this.stage !== 'break') return;
    this.stage = 'judging';
    this.#pace.pause();
    this.#askFor(this.remaining, this.prompt);
  }

  /** Nothing more is to be judged, and nothing to be taken back: on to what follows. */
  async finish(): Promise<void> {
    if (this.moving || this.stage !== 'finished') return;
    clearTimeout(this.#again);
    this.#isMoving(true);
    await this.#guard(async () => {
      await this.#deliver();
      const view = await this.#step({ step: 'work' });
      // A place has become free meanwhile.
      if (view.at === 'work') await this.#next();
      else await this.#enterVisit(view);
    });
    this.#isMoving(false);
  }

  /** The step of the visit that the person has taken. */
  async takeStep(input: StepTaken): Promise<void> {
    if (this.moving) return;
    this.#isMoving(true);
    await this.#guard(async () => this.#enterVisit(await this.#step(input)));
  }

  /** On from the word on a practice answer. */
  async leaveFeedback(): Promise<void> {
    if (this.stage !== 'feedback' || this.visit === undefined) return;
    this.#isMoving(true);
    await this.#guard(() => this.#enterVisit({ ...this.visit!, feedback: undefined }));
  }

  /** Takes the last pair's answers back. */
  async undo(): Promise<void> {
    if (this.pointing) {
      // Not sent yet: it is just asked again.
      if (this.#given !== undefined) {
        void this.#queue.remove(this.#given.voteId);
        const { [this.#given.criterion]: _taken, ...others } = this.answers;
        this.answers = others;
      }
      this.#given = undefined;
      this.pointing = false;
      this.chosen = undefined;
      return;
    }
    if (this.moving || this.practice !== undefined || (this.stage !== 'judging' && this.stage !== 'finished')) return;
    if (this.visit?.undo === 0) {
      this.notice = t().nothingToUndo;
      return;
    }
    if (!this.#line.works) {
      this.notice = t().offlineUndo;
      return;
    }
    clearTimeout(this.#again);
    this.#isMoving(true);
    this.#isBusy = true;
    await this.#guard(async () => {
      await this.#sending;
      // Named, so that the request repeated by another line takes nothing newer back.
      const voteId = this.#cast.at(-1)?.voteId;
      const pair = await this.#line.ask('vote:undo', voteId === undefined ? {} : { voteId });
      this.#cast = this.#cast.filter(({ assignmentId }) => assignmentId !== pair.id);
      const current = this.assignment;
      if (current !== undefined && current.id !== pair.id && !this.#past.has(current.id)) this.#ahead.unshift(current);
      this.#ahead = this.#ahead.filter(({ id }) => id !== pair.id);
      this.done = pair.done;
      const isSame = current?.id === pair.id && this.remaining.length === pair.criteria.length;
      await this.#show(pair);
      this.notice = isSame ? t().noMoreUndo : t().undone(pair.done + 1);
    });
    this.#isBusy = false;
    this.#isMoving(false);
  }

  /** Sets this pair aside and goes on to another. @param assignmentId the pair that was meant, as it stood on screen */
  async report(reason: ProblemInput['reason'], assignmentId = this.assignment?.id): Promise<void> {
    const { assignment, practice } = this;
    if (assignment === undefined || this.moving || assignment.id !== assignmentId) {
      this.notice = t().gone;
      return;
    }
    if (practice !== undefined) {
      await this.takeStep({ step: 'practice', index: practice.index, choice: 'skipped' });
      return;
    }
    this.#leavePlaceUntold();
    if (!this.#line.works) {
      this.notice = t().offlineReport;
      return;
    }
    this.#isMoving(true);
    this.#isBusy = true;
    await this.#guard(async () => {
      await this.#sending;
      await this.#line.ask('assignment:report', { assignmentId: assignment.id, reason });
      this.#past.add(assignment.id);
      await this.#goOn();
      this.notice = reason === 'skipped' ? t().skipped : t().reported;
    });
    this.#isBusy = false;
  }

  /** Tries this pair's images once more. */
  async retryImages(): Promise<void> {
    if (this.assignment === undefined || !this.broken || this.moving) return;
    this.#isMoving(true);
    await this.#show(this.assignment);
  }

  async #begin(): Promise<void> {
    this.#votes = await this.#queue.load((votes) => {
      // Stored before this visit: they go first, and nobody waits for them.
      const isKnown = (id: string) => this.#votes.some(({ voteId }) => voteId === id);
      this.#votes.splice(this.#sending === undefined ? 0 : 1, 0, ...votes.filter(({ voteId }) => !isKnown(voteId)));
      this.unsent = this.#votes.length;
      void this.#guard(() => this.#deliver());
    });
    this.unsent = this.#votes.length;
    await this.#resume();
  }

  /** Sends what an earlier visit left, then asks for what there is to do. */
  async #resume(): Promise<void> {
    this.#isMoving(true);
    await this.#guard(async () => {
      await this.#deliver().catch((error: unknown) => {
        // What was not delivered before the end stays in the queue; where the visit stands is another question.
        if (!(error instanceof Refusal) || error.code !== 'study-closed') throw error;
      });
      const view = await this.#line.ask('visit:look', { language: this.#wanted() });
      await showIn(view.languages);
      // The study's own texts come in the language that the page is shown in.
      const isOther = language() !== this.#wanted() && (view.at !== 'work' || view.questions !== undefined);
      await this.#enterVisit(isOther ? await this.#line.ask('visit:look', { language: language() }) : view);
    });
  }

  /** The language in which the study's texts are asked for: the one shown, or the likely one before it is known. */
  #wanted(): Language {
    if (this.visit !== undefined) return language();
    return wantedLanguages().find((name): name is Language => (allLanguages as string[]).includes(name)) ?? 'en';
  }

  #step(input: StepTaken): Promise<VisitView> {
    return this.#line.ask('visit:step', { ...input, language: language() } as VisitStep);
  }

  /** Shows the place at which the visit stands. */
  async #enterVisit(view: VisitView): Promise<void> {
    this.visit = view;
    if (view.feedback !== undefined) {
      this.stage = 'feedback';
      this.#isMoving(false);
    } else if (view.at === 'practice') await this.#showPractice(view.practice!);
    else if (view.at === 'work') await this.#next();
    else {
      this.assignment = undefined;
      this.stage = 'visit';
      this.#isMoving(false);
      if (view.end?.reason === 'full') this.#againLater(() => void this.#resume());
    }
  }

  async #showPractice({ index, of, pair }: NonNullable<VisitView['practice']>): Promise<void> {
    const { id, criterion, prompt, left, right } = pair;
    const shown = { id, criteria: [criterion], questions: 1, prompt, left, right, ties: false, expiresAt: Infinity };
    await this.#show({ ...shown, done: index, total: of });
  }

  #enter(takeOver: boolean): void {
    clearTimeout(this.#again);
    this.refusal = undefined;
    this.stage = 'connecting';
    this.#line.enter(takeOver);
    void this.#resume();
  }

  #send(vote: VoteInput): void {
    this.#votes.push(vote);
    this.#cast = [...this.#cast, vote].slice(-remembered);
    this.unsent = this.#votes.length;
    void this.#queue.put(vote);
    void this.#guard(() => this.#deliver());
  }

  /** Sends the queue in its order, one at a time. */
  #deliver(): Promise<void> {
    this.#sending ??= this.#deliverAll().finally(() => (this.#sending = undefined));
    return this.#sending;
  }

  async #deliverAll(): Promise<void> {
    for (let vote = this.#votes[0]; vote !== undefined; vote = this.#votes[0]) {
      let answer;
      try {
        answer = await this.#line.ask('vote:cast', vote);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        // Refused or counted, it is settled.
        if (error.code === 'study-closed' || error.code === 'key-required') throw error;
      }
      this.#hasWorked = true;
      this.#votes.shift();
      this.unsent = this.#votes.length;
      await this.#queue.remove(vote.voteId);
      this.#answered(vote, answer);
    }
    if (this.#wantsMore && this.assignment !== undefined) void this.#refill();
  }

  /** What the server's answer changes for the pair on screen. @param answer undefined when the vote was refused */
  #answered(vote: VoteInput, answer: { remaining: Criterion[]; prompt: string | null } | undefined): void {
    const { assignment } = this;
    if (assignment === undefined || assignment.id !== vote.assignmentId || this.#past.has(assignment.id)) return;
    if (answer === undefined || answer.remaining.length === 0) {
      this.#leavePlaceUntold();
      // Its seat has gone to somebody else meanwhile.
      this.#past.add(assignment.id);
      void this.#goOn();
      return;
    }
    if (answer.prompt !== null) assignment.promptLater = answer.prompt;
    if (this.moving && !this.#isBusy) this.#askFor(answer.remaining, answer.prompt);
  }

  /** On to a pair that is here already, or to what the server gives next. */
  async #goOn(): Promise<void> {
    this.#isMoving(true);
    await this.#guard(async () => {
      // An answer that was asked for before may have named the pair that has come since.
      this.#ahead = this.#ahead.filter(({ id }) => !this.#past.has(id));
      const following = this.#ahead.shift();
      this.#wantsMore = true;
      if (following === undefined) {
        await this.#deliver();
        await this.#next();
      } else {
        await this.#show(following);
        // The votes are likely on their way still; then the end of the queue asks.
        if (this.#votes.length === 0) void this.#refill();
      }
    });
  }

  async #next(): Promise<void> {
    const pair = await this.#line.ask('assignment:next', {}).catch((error: unknown) => {
      // Who has worked when the study closes has finished: what follows the work follows still.
      if (error instanceof Refusal && error.code === 'study-closed' && this.#hasSomethingToFollow) return undefined;
      throw error;
    });
    if (pair === undefined) {
      await this.#enterVisit(await this.#step({ step: 'work' }));
      return;
    }
    if (pair === null) {
      const isNobody = this.done === 0 && !this.#hasWorked;
      // The end may have come from the server; who came too late has nothing to finish.
      const view = isNobody
        ? await this.#step({ step: 'work' })
        : await this.#line.ask('visit:look', { language: language() });
      if (view.at !== 'work') {
        await this.#enterVisit(view);
        return;
      }
      this.assignment = undefined;
      this.stage = isNobody ? 'full' : 'finished';
      this.#isMoving(false);
      // Somebody may leave a pair unjudged yet; then there is more to do.
      this.#againLater(() => void this.#guard(() => this.#next()));
      return;
    }
    this.done = pair.done;
    this.#wantsMore = true;
    await this.#show(pair);
    void this.#refill();
  }

  get #hasSomethingToFollow(): boolean {
    return this.visit?.follows === true && (this.done > 0 || this.#hasWorked);
  }

  async #show(pair: Pair): Promise<void> {
    const turn = ++this.#shows;
    clearTimeout(this.#again);
    // The old pair stays on screen until both new images can be painted: nothing flickers.
    const whole = await this.#decode(pair);
    if (turn !== this.#shows) return;
    this.#leavePlaceUntold();
    // Another tab may have opened it again.
    this.#past.delete(pair.id);
    this.looking.decoded(
      Math.max(decodeTime(addressOf(pair.left, pair.at)), decodeTime(addressOf(pair.right, pair.at))),
    );
    this.minutesLeft = this.practice === undefined ? this.#pace.minutesFor(pair.total - this.done) : undefined;
    this.assignment = pair;
    this.answers = {};
    this.broken = !whole;
    this.stage = 'judging';
    this.#askFor(pair.criteria, pair.prompt);
    if (this.#breakIsDue) {
      this.#breakIsDue = false;
      this.stage = 'break';
    }
  }
  #breakIsDue = false;

  /** @returns whether both images can be painted */
  async #decode(pair: Pair): Promise<boolean> {
    const { left, right } = pair;
    if (!('at' in pair))
      pair.at = this.isMagnified
        ? undefined
        : copyFor({ width: innerWidth, height: innerHeight }, [left, right], devicePixelRatio);
    return this.#decodeBoth(pair, pair.at);
  }

  async #decodeBoth({ left, right }: Pair, at: CopySize | undefined): Promise<boolean> {
    const isAway = () => !this.#line.works || !navigator.onLine;
    const whole = await Promise.all([left, right].map((image) => decodeImage(addressOf(image, at), isAway)));
    return !whole.includes(false);
  }

  /** Fetches both images with all of their pixels, and shows them when both are here. */
  async lookCloser(): Promise<void> {
    const pair = this.assignment;
    if (pair?.at === undefined) return;
    if (await this.#decodeBoth(pair, undefined)) pair.at = undefined;
  }

  /** Shows the first of these questions; the answer's time runs from when it is painted. */
  #askFor(criteria: readonly Criterion[], prompt: string | null): void {
    this.remaining = [...criteria];
    this.prompt = prompt;
    this.#isMoving(false);
    this.#shownAt = Infinity;
    this.looking.begin();
    void painted().then(() => (this.#shownAt = performance.now()));
  }

  /** The questions that are left stand on screen already. */
  #goOnWith(criteria: readonly Criterion[]): void {
    this.remaining = [...criteria];
    this.#shownAt = performance.now();
    this.looking.begin();
  }

  /** Takes up to two pairs more, and fetches their images while this one is judged. */
  async #refill(): Promise<void> {
    if (this.#isRefilling || this.#ahead.length >= wanted) return;
    this.#isRefilling = true;
    this.#wantsMore = false;
    try {
      const { assignments } = await this.#line.ask('assignment:preload', {});
      const isKnown = (id: string) =>
        id === this.assignment?.id || this.#past.has(id) || this.#ahead.some((pair) => pair.id === id);
      this.#ahead.push(...assignments.filter(({ id }) => !isKnown(id)));
      for (const pair of this.#ahead) await this.#decode(pair);
      // Who has not voted yet gets none; the first vote's answer asks again.
      if (assignments.length === 0) this.#wantsMore = this.done === 0;
    } catch (error) {
      // It only makes the next pair come sooner.
      if (!(error instanceof Refusal)) throw error;
    } finally {
      this.#isRefilling = false;
    }
  }

  #isMoving(moving: boolean): void {
    this.moving = moving;
    this.#waitingSince = moving ? (this.#waitingSince ?? performance.now()) : undefined;
  }

  #unsentSince: number | undefined;
  #lookAtTheClock(): void {
    const now = performance.now();
    this.#unsentSince = this.unsent === 0 ? undefined : (this.#unsentSince ?? now);
    const since = Math.min(this.#waitingSince ?? now, this.#unsentSince ?? now);
    const away = now - (this.#awaySince ?? now);
    const waited = now - since;
    this.delay = waited > stuckMs || away > stuckMs ? 'stuck' : waited > slowMs ? 'slow' : undefined;
  }

  async #guard(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code === 'nothing-to-undo') {
        this.notice = t().nothingToUndo;
        this.#isMoving(false);
      } else this.#refuse(error);
    }
  }

  #refuse({ code, message }: Failure): void {
    this.#leavePlaceUntold();
    this.#isMoving(false);
    // Who is done stays done when the study ends.
    const isDone = this.stage === 'finished' || (this.stage === 'visit' && this.visit?.at === 'end');
    if (isDone && code === 'study-closed') return;
    // A refusal is nobody's stimulus: any language will do.
    if (this.visit === undefined) void showIn(allLanguages);
    this.refusal = { code, message };
    this.stage = 'refused';
    this.#ahead = [];
    this.assignment = undefined;
    // What only a person can change is asked by a person.
    if (code !== 'key-required' && code !== 'bad-request') this.#againLater(() => this.#enter(false));
  }

  #againLater(action: () => void): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(action, againMs);
  }
}

/** When what was set is on screen; soon anyway where nothing is painted, in a tab out of sight. */
async function painted(): Promise<void> {
  await tick();
  await Promise.race([
    new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    new Promise((resolve) => setTimeout(resolve, 100)),
  ]);
}
