-- Research data. Counters on experiments repeat what results hold, so that damage
-- to either shows in the invariants.
CREATE TABLE experiments (
    id           bigint PRIMARY KEY,
    title        text NOT NULL CHECK (title <> ''),
    status       text NOT NULL CHECK (status IN ('planned', 'running', 'done', 'failed')),
    parameters   jsonb NOT NULL,
    notes        text NOT NULL,
    result_count integer NOT NULL CHECK (result_count >= 0),
    created_at   timestamptz NOT NULL
);
CREATE TABLE results (
    id            bigint PRIMARY KEY,
    experiment_id bigint NOT NULL,
    metric        text NOT NULL,
    value         double precision NOT NULL,
    samples       bytea NOT NULL,
    log           text NOT NULL,
    measured_at   timestamptz NOT NULL
);
CREATE TABLE models (
    id            bigint PRIMARY KEY,
    experiment_id bigint NOT NULL,
    name          text NOT NULL,
    weights       bytea NOT NULL,
    weights_md5   text NOT NULL,
    created_at    timestamptz NOT NULL
);
-- What the application writes while it runs: appended, never changed.
CREATE TABLE journal (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    writer     text NOT NULL,
    sequence   bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload    text NOT NULL,
    UNIQUE (writer, sequence)
);
-- Weights are random bytes: trying to compress them only costs time.
ALTER TABLE results ALTER COLUMN samples SET STORAGE EXTERNAL;
ALTER TABLE models ALTER COLUMN weights SET STORAGE EXTERNAL;
