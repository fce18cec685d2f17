-- After the rows: checking all at once is faster than one by one.
ALTER TABLE results ADD FOREIGN KEY (experiment_id) REFERENCES experiments;
ALTER TABLE models ADD FOREIGN KEY (experiment_id) REFERENCES experiments;
CREATE INDEX results_experiment ON results (experiment_id);
CREATE INDEX models_experiment ON models (experiment_id);
ANALYZE;
