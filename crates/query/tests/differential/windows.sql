SELECT leaf_index, row_number() OVER (ORDER BY leaf_index), rank() OVER (ORDER BY model_version), dense_rank() OVER (ORDER BY model_version), ntile(3) OVER (ORDER BY leaf_index) FROM ai_audit_logs ORDER BY leaf_index LIMIT 6
SELECT leaf_index, lag(confidence) OVER w, lead(confidence, 2) OVER w, lag(leaf_index, 1, -1) OVER w, first_value(leaf_index) OVER w, last_value(leaf_index) OVER w, nth_value(leaf_index, 2) OVER w FROM ai_audit_logs WINDOW w AS (ORDER BY leaf_index) ORDER BY 1 LIMIT 5
SELECT leaf_index, sum(leaf_index) OVER (PARTITION BY model_version ORDER BY leaf_index), count(*) OVER (PARTITION BY model_version), avg(leaf_index) OVER (ORDER BY leaf_index ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM ai_audit_logs ORDER BY leaf_index LIMIT 6
SELECT sum(confidence) OVER (ORDER BY leaf_index ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM ai_audit_logs ORDER BY leaf_index LIMIT 50
SELECT avg(confidence) OVER (ORDER BY leaf_index ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM ai_audit_logs ORDER BY leaf_index LIMIT 50
SELECT leaf_index, min(confidence) OVER (ORDER BY leaf_index ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING), max(confidence) OVER (ORDER BY leaf_index ROWS 3 PRECEDING) FROM ai_audit_logs ORDER BY 1 LIMIT 9
SELECT leaf_index, percent_rank() OVER (ORDER BY leaf_index), cume_dist() OVER (ORDER BY model_version) FROM ai_audit_logs ORDER BY 1 LIMIT 5
SELECT leaf_index, sum(leaf_index) OVER (ORDER BY leaf_index RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) FROM ai_audit_logs ORDER BY 1 LIMIT 5
SELECT leaf_index, count(*) OVER (ORDER BY timestamp RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) FROM ai_audit_logs ORDER BY 1 LIMIT 9
SELECT model_version, count(*) OVER (ORDER BY model_version GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT * FROM (SELECT model_version, leaf_index, row_number() OVER (PARTITION BY model_version ORDER BY confidence DESC NULLS LAST, leaf_index) rn FROM ai_audit_logs) t WHERE rn <= 2 ORDER BY 1, 3
SELECT leaf_index, row_number() OVER (ORDER BY leaf_index) - 1, rank() OVER (ORDER BY leaf_index DESC) - leaf_index FROM ai_audit_logs ORDER BY 1 LIMIT 3
SELECT leaf_index, sum(data_retention_days) OVER (ORDER BY leaf_index), sum(leaf_index::int) OVER (ORDER BY leaf_index) FROM ai_audit_logs ORDER BY 1 LIMIT 3
SELECT leaf_index, confidence, rank() OVER (ORDER BY confidence), rank() OVER (ORDER BY confidence DESC) FROM ai_audit_logs ORDER BY leaf_index LIMIT 8
SELECT model_version, count(*), rank() OVER (ORDER BY count(*) DESC), sum(count(*)) OVER () FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT leaf_index, count(*) FILTER (WHERE overridden) OVER (ORDER BY leaf_index) FROM ai_audit_logs ORDER BY 1 LIMIT 40
-- missing: not supported
SELECT leaf_index, string_agg(model_version, ',') OVER (ORDER BY leaf_index ROWS 1 PRECEDING) FROM ai_audit_logs ORDER BY 1 LIMIT 3
SELECT stddev(leaf_index::float8) OVER (ORDER BY leaf_index ROWS 2 PRECEDING) FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT leaf_index, lag(metadata) OVER (ORDER BY leaf_index) FROM ai_audit_logs ORDER BY 1 LIMIT 3
-- missing: EXCLUDE
SELECT leaf_index, sum(leaf_index) OVER (ORDER BY leaf_index ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) FROM ai_audit_logs ORDER BY 1 LIMIT 3
SELECT first_value(confidence) OVER (PARTITION BY model_version ORDER BY leaf_index DESC), nth_value(confidence, 1) OVER (PARTITION BY model_version ORDER BY leaf_index) FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
