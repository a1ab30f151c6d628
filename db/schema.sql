-- Generated from db/migrations by npm run schema. Read this first.

CREATE TABLE "account" (
  "id" text primary key,
  "name" text not null unique,
  "role" text not null check (role in ('owner', 'researcher', 'viewer')),
  "password_hash" text,
  "openid_subject" text unique,
  "generation" integer not null,
  "created_at" bigint not null,
  "disabled_at" bigint);

CREATE TABLE "annotator" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "population" text not null check (population in ('people', 'simulated')),
  "participant" text not null,
  "created_at" bigint not null,
  "votes" integer default 0 not null,
  "done" integer default 0 not null,
  "last_position" integer default 0 not null,
  "last_assignment_id" text,
  "keyed_at" bigint,
  "secret_hash" text,
  "end_reason" text check (end_reason in ('finished', 'full', 'no-consent', 'device', 'checks')),
  "connection" text,
  "withdrawn_at" bigint,
  "vote_changes" integer default 0 not null, constraint "annotator_once" unique ("study_id",
  "population",
  "participant"));

CREATE TRIGGER assignment_made after insert on assignment when new.state <> 'expired' begin
  update seat set state = new.state
  where id = new.seat_id;
  update annotator set done = done + (new.state = 'done'),
    last_position = case when new.kind = 'work' then (select position from pair where id = new.pair_id)
                         else last_position end
  where id = new.annotator_id;
end;

CREATE TRIGGER assignment_moved after update of state on assignment when new.state <> old.state begin
  update seat set state = case new.state when 'expired' then 'free' else new.state end
  where id = new.seat_id;
  update annotator set done = done + (new.state = 'done') - (old.state = 'done')
  where id = new.annotator_id and (new.state = 'done' or old.state = 'done');
end;

CREATE TABLE "assignment" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "pair_id" text not null references "pair" ("id"),
  "seat_id" text not null references "seat" ("id"),
  "annotator_id" text not null references "annotator" ("id"),
  "side_a" text not null check (side_a in ('left', 'right')),
  "state" text not null check (state in ('leased', 'done', 'expired')),
  "voted" integer not null check (voted in (0, 1)),
  "created_at" bigint not null,
  "expires_at" bigint not null,
  "reopened_at" bigint,
  "skipped_at" bigint,
  "kind" text default 'work' not null check (kind in ('work', 'gold', 'repeat', 'practice')),
  "surplus_at" bigint,
  "criterion" text);

CREATE INDEX assignment_expiry on assignment (study_id, expires_at)
  where state = 'leased';

CREATE INDEX assignment_open on assignment (annotator_id)
  where state <> 'done';

CREATE UNIQUE INDEX assignment_person on assignment (annotator_id, pair_id, kind)
  where state <> 'expired' or voted = 1;

CREATE UNIQUE INDEX assignment_seat on assignment (seat_id)
  where state <> 'expired';

CREATE TABLE "audit" (
  "position" integer primary key,
  "created_at" bigint not null,
  "actor" text not null,
  "action" text not null,
  "subject" text not null,
  "previous" text not null,
  "hash" text not null);

CREATE TABLE "checkpoint" (
  "model_id" text primary key references "model" ("id"),
  "run" text not null,
  "step" integer not null,
  "device_seconds" double precision);

CREATE TABLE "comment" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "pair" integer,
  "author" text not null,
  "text" text not null,
  "created_at" bigint not null);

CREATE INDEX "comment_study" on "comment" (
  "study_id",
  "created_at");

CREATE TABLE "draft" (
  "id" text primary key,
  "name" text not null,
  "content" text not null,
  "version" integer not null,
  "created_at" bigint not null,
  "updated_at" bigint not null);

CREATE TABLE "ended_session" (
  "id" text primary key,
  "expires_at" bigint not null);

CREATE TABLE "exclusion" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "annotator_id" text not null references "annotator" ("id"),
  "reason" text not null,
  "created_at" bigint not null,
  "ended_at" bigint,
  "ended_reason" text);

CREATE UNIQUE INDEX exclusion_now on exclusion (annotator_id)
  where ended_at is null;

CREATE INDEX exclusion_study on exclusion (study_id);

CREATE TABLE "job" (
  "id" text primary key,
  "kind" text not null check (kind in ('render', 'score', 'prescreen', 'train', 'report')),
  "title" text not null,
  "request" text not null,
  "request_sha256" text not null,
  "rate_key" text not null,
  "device_kind" text,
  "store" text not null,
  "memory_bytes" bigint not null,
  "priority" integer not null,
  "state" text not null check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
  "error" text,
  "created_at" bigint not null,
  "updated_at" bigint not null);

CREATE UNIQUE INDEX job_open on job (request_sha256)
  where state in ('waiting', 'running');

CREATE TABLE "login_link" (
  "key_sha256" text primary key,
  "expires_at" bigint not null,
  "used_at" bigint, account_id text references account (id));

CREATE TABLE "model" (
  "id" text primary key,
  "name" text not null unique,
  "kind" text not null check (kind in ('pipeline', 'imported')),
  "settings" text not null,
  "created_at" bigint not null);

CREATE TABLE "pair" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "prompt_id" text not null references "prompt" ("id"),
  "render_a_id" text not null references "render" ("id"),
  "render_b_id" text not null references "render" ("id"),
  "position" integer not null,
  "weight" double precision,
  "pairing" integer not null,
  "draw_weight" double precision, constraint "pair_once" unique ("study_id",
  "pairing",
  "prompt_id"));

CREATE INDEX "pair_place" on "pair" (
  "study_id",
  "position");

CREATE TABLE "pairing" (
  "study_id" text not null references "study" ("id"),
  "position" integer not null,
  "model_a_id" text not null references "model" ("id"),
  "model_b_id" text not null references "model" ("id"), constraint "pairing_pk" primary key ("study_id",
  "position"), constraint "pairing_once" unique ("study_id",
  "model_a_id",
  "model_b_id"), constraint "pairing_two_models" check (model_a_id <> model_b_id));

CREATE TABLE "pool" (
  "study_id" text not null references "study" ("id"),
  "pairing" integer not null,
  "place" integer not null,
  "prompt_id" text not null references "prompt" ("id"),
  "render_a_id" text not null references "render" ("id"),
  "render_b_id" text not null references "render" ("id"), constraint "pool_key" primary key ("study_id",
  "pairing",
  "place"));

CREATE TABLE "prescreen" (
  "id" text primary key,
  "request" text not null,
  "idempotency_key" text unique,
  "state" text not null check (state in ('queued', 'running', 'done', 'failed')),
  "progress" text,
  "result" text,
  "error" text,
  "created_at" bigint not null,
  "updated_at" bigint not null,
  "lost_workers" integer default 0 not null);

CREATE TABLE "preview" (
  "token" text primary key,
  "material" text not null,
  "created_at" bigint not null);

CREATE TABLE "problem" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "assignment_id" text not null references "assignment" ("id"),
  "reason" text not null check (reason in ('skipped', 'blurry', 'offensive', 'broken', 'text', 'missing')),
  "created_at" bigint not null);

CREATE INDEX problem_study on problem (study_id);

CREATE TABLE "prolific_event" (
  "id" text primary key,
  "created_at" bigint not null);

CREATE TABLE "prolific_workspace" (
  "id" text primary key,
  "secret" text not null,
  "target" text not null,
  "created_at" bigint not null);

CREATE TABLE "prompt" (
  "id" text primary key,
  "prompt_set_id" text not null references "prompt_set" ("id"),
  "position" integer not null,
  "text" text not null,
  "category" text,
  "challenge" text,
  "note" text, constraint "prompt_once" unique ("prompt_set_id",
  "position"));

CREATE TABLE "prompt_set" (
  "id" text primary key,
  "name" text not null unique,
  "source_sha256" text not null,
  "created_at" bigint not null);

CREATE TABLE "recruitment" (
  "study_id" text primary key references "study" ("id"),
  "remote_id" text unique,
  "settings" text not null,
  "codes" text not null,
  "reward" integer not null,
  "places" integer not null,
  "places_taken" integer not null,
  "status" text not null,
  "problem" text,
  "created_at" bigint not null,
  "looked_at" bigint);

CREATE TABLE "render" (
  "id" text primary key,
  "model_id" text not null references "model" ("id"),
  "prompt_id" text not null references "prompt" ("id"),
  "seed" bigint not null,
  "image_sha256" text not null,
  "width" integer not null,
  "height" integer not null,
  "provenance" text not null,
  "created_at" bigint not null,
  "thumbnail" text, constraint "render_once" unique ("model_id",
  "prompt_id",
  "seed"));

CREATE INDEX render_image on render (image_sha256);

CREATE TABLE "render_failure" (
  "model_id" text not null references "model" ("id"),
  "prompt_id" text not null references "prompt" ("id"),
  "seed" bigint not null,
  "message" text not null,
  "created_at" bigint not null, constraint "render_failure_pk" primary key ("model_id",
  "prompt_id",
  "seed"));

CREATE TABLE "retraction" (
  "vote_id" text primary key references "vote" ("id"),
  "created_at" bigint not null);

CREATE TABLE "reward" (
  "id" text primary key,
  "name" text not null unique,
  "kind" text not null,
  "settings" text not null,
  "network_sha256" text not null,
  "created_at" bigint not null);

CREATE TABLE "score" (
  "render_id" text not null references "render" ("id"),
  "reward_id" text not null references "reward" ("id"),
  "network_sha256" text not null,
  "value" double precision not null,
  "created_at" bigint not null, constraint "score_pk" primary key ("render_id",
  "reward_id",
  "network_sha256"));

CREATE TABLE "seat" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "pair_id" text not null references "pair" ("id"),
  "population" text not null check (population in ('people', 'simulated')),
  "seat_index" integer not null,
  "position" integer not null,
  "side_a" text not null check (side_a in ('left', 'right')),
  "state" text not null check (state in ('free', 'leased', 'done')),
  "criterion" text, constraint "seat_once" unique ("pair_id",
  "population",
  "seat_index"));

CREATE INDEX "seat_next" on "seat" (
  "study_id",
  "population",
  "state",
  "position",
  "seat_index");

CREATE TABLE "server_secret" (
  "name" text primary key,
  "value" text not null);

CREATE TABLE "share" (
  "id" text primary key,
  "key_sha256" text not null unique,
  "study_id" text not null references "study" ("id"),
  "label" text not null,
  "created_at" bigint not null,
  "expires_at" bigint not null,
  "revoked_at" bigint);

CREATE TABLE "slice" (
  "job_id" text not null references "job" ("id"),
  "position" integer not null,
  "part" text not null,
  "items" integer not null,
  "done" integer not null,
  "state" text not null check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
  "worker" text,
  "result" text,
  "error" text,
  "started_at" bigint,
  "heard_at" bigint,
  "ended_at" bigint, constraint "slice_key" primary key ("job_id",
  "position"));

CREATE INDEX slice_open on slice (state)
  where state in ('waiting', 'running');

CREATE TRIGGER slot_emptied after delete on slot begin
  
  insert into tally (study_id, population, criterion, shard, a, b, tie)
    select v.study_id, s.population, v.criterion, 0, -(v.choice = x.side_a),
           -(v.choice <> x.side_a and v.choice <> 'tie'), -(v.choice = 'tie')
    from vote v join assignment x on x.id = v.assignment_id join seat s on s.id = v.seat_id
  where v.id = old.vote_id and s.position >= 0
    on conflict (study_id, population, criterion, shard)
    do update set a = tally.a + excluded.a, b = tally.b + excluded.b, tie = tally.tie + excluded.tie;
  update annotator set votes = votes - 1, vote_changes = vote_changes + 1
  where id = (select annotator_id from vote where id = old.vote_id);
end;

CREATE TRIGGER slot_filled after insert on slot begin
  
  insert into tally (study_id, population, criterion, shard, a, b, tie)
    select v.study_id, s.population, v.criterion, 0, +(v.choice = x.side_a),
           +(v.choice <> x.side_a and v.choice <> 'tie'), +(v.choice = 'tie')
    from vote v join assignment x on x.id = v.assignment_id join seat s on s.id = v.seat_id
  where v.id = new.vote_id and s.position >= 0
    on conflict (study_id, population, criterion, shard)
    do update set a = tally.a + excluded.a, b = tally.b + excluded.b, tie = tally.tie + excluded.tie;
  update annotator set votes = votes + 1, vote_changes = vote_changes + 1,
    last_assignment_id = (select assignment_id from vote where id = new.vote_id)
  where id = (select annotator_id from vote where id = new.vote_id);
end;

CREATE TABLE "slot" (
  "seat_id" text not null references "seat" ("id"),
  "criterion" text not null,
  "vote_id" text not null references "vote" ("id"), constraint "slot_pk" primary key ("seat_id",
  "criterion")) without rowid;

CREATE TABLE "study" (
  "id" text primary key,
  "name" text not null unique,
  "prompt_set_id" text not null references "prompt_set" ("id"),
  "criteria" text not null,
  "votes_per_pair" integer not null check (votes_per_pair > 0),
  "ties" integer not null check (ties in (0, 1)),
  "seed" bigint not null,
  "state" text not null check (state in ('draft', 'open', 'paused', 'closed')),
  "invite_token" text not null unique,
  "simulation_token" text not null unique,
  "created_at" bigint not null,
  "prescreen_id" text references "prescreen" ("id"),
  "prompt_sample" integer,
  "visit" text,
  "archived_at" bigint,
  "plan" text,
  "plan_sha256" text,
  "preset" text,
  "extra_seats" integer default 0 not null,
  "own_criteria" text,
  "both_bad" integer default 0 not null check ("both_bad" in (0, 1)),
  "split" integer default 0 not null check ("split" in (0, 1)),
  "closed_at" bigint,
  "active" text,
  "active_odds" text,
  "active_drawn" integer default 0 not null);

CREATE TABLE "submission" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "annotator_id" text references "annotator" ("id"),
  "status" text,
  "code" text,
  "bonus_told" integer not null,
  "bonus_asked" integer not null,
  "bonus_unsure" integer not null,
  "finished" integer not null check (finished in (0, 1)),
  "bonus_asked_at" bigint,
  "remote_study" text,
  "return_asked_at" bigint,
  "started_at" bigint,
  "created_at" bigint not null);

CREATE INDEX submission_annotator on submission (annotator_id);

CREATE INDEX submission_study on submission (study_id);

CREATE TABLE "take_over" (
  "id" text primary key,
  "annotator_id" text not null references "annotator" ("id"),
  "created_at" bigint not null,
  "secret_hash" text);

CREATE INDEX take_over_annotator on take_over (annotator_id);

CREATE TABLE "tally" (
  "study_id" text not null references "study" ("id"),
  "population" text not null check (population in ('people', 'simulated')),
  "criterion" text not null,
  "shard" integer not null,
  "a" integer not null,
  "b" integer not null,
  "tie" integer not null, constraint "tally_pk" primary key ("study_id",
  "population",
  "criterion",
  "shard"));

CREATE TABLE "token" (
  "id" text primary key,
  "scope" text not null,
  "label" text not null,
  "created_at" bigint not null,
  "expires_at" bigint not null,
  "revoked_at" bigint, account_id text references account (id));

CREATE TABLE "training_run" (
  "folder" text primary key,
  "name" text not null,
  "settings" text not null,
  "updated_at" bigint not null);

CREATE TABLE "tries" (
  "what" text primary key,
  "count" integer not null,
  "ends_at" bigint not null);

CREATE TABLE "visit_step" (
  "annotator_id" text not null references "annotator" ("id"),
  "position" integer not null,
  "step" text not null,
  "answer" text not null,
  "created_at" bigint not null, constraint "visit_step_pk" primary key ("annotator_id",
  "position"));

CREATE TRIGGER vote_counted after insert on vote when new.counted = 1 begin
  insert into slot (seat_id, criterion, vote_id) values (new.seat_id, new.criterion, new.id);
end;

CREATE TABLE "vote" (
  "id" text primary key,
  "study_id" text not null references "study" ("id"),
  "assignment_id" text not null references "assignment" ("id"),
  "annotator_id" text not null references "annotator" ("id"),
  "seat_id" text not null references "seat" ("id"),
  "criterion" text not null,
  "choice" text not null check (choice in ('left', 'right', 'tie')),
  "response_time_ms" bigint not null,
  "counted" integer not null check (counted in (0, 1)),
  "remaining" text not null,
  "created_at" bigint not null,
  "seen" text,
  "point" text,
  "both_bad" integer default 0 not null check ("both_bad" in (0, 1)));
