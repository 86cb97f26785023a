SELECT count(*), count(confidence), count(DISTINCT confidence), count(NULL), count(1) FROM ai_audit_logs
SELECT sum(leaf_index), avg(leaf_index), min(leaf_index), max(leaf_index) FROM ai_audit_logs
SELECT sum(data_retention_days), avg(data_retention_days), sum(data_retention_days::int), avg(data_retention_days::int), sum(data_retention_days::numeric), sum(1), sum(1.5), avg(1) FROM ai_audit_logs
SELECT sum(confidence::numeric), avg(confidence::numeric), min(confidence), max(confidence) FROM ai_audit_logs
-- rounded: the last digits of sums of doubles
SELECT sum(confidence), avg(confidence), sum(processing_time_ms), avg(processing_time_ms) FROM ai_audit_logs
-- rounded: the last digits of sums of doubles
SELECT stddev(confidence), stddev_pop(confidence), var_samp(confidence), var_pop(confidence), variance(confidence), stddev_samp(confidence) FROM ai_audit_logs
-- rounded: the last digits of sums of doubles
SELECT corr(confidence, processing_time_ms), covar_pop(confidence, processing_time_ms), covar_samp(confidence, processing_time_ms), regr_slope(confidence, processing_time_ms), regr_intercept(confidence, processing_time_ms), regr_count(confidence, processing_time_ms), regr_r2(confidence, processing_time_ms) FROM ai_audit_logs
-- rounded: the last digits of sums of doubles
SELECT input_features->>'gender', avg(confidence), min(confidence), max(confidence), count(confidence) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT sum(confidence), avg(confidence), min(confidence), count(*), count(confidence), bool_and(overridden), string_agg(model_id, ','), array_agg(model_id), stddev(confidence) FROM ai_audit_logs WHERE leaf_index < 0
SELECT model_id, sum(confidence) FROM ai_audit_logs WHERE leaf_index < 0 GROUP BY 1
SELECT count(*) FROM ai_audit_logs WHERE false
SELECT count(*) FROM ai_audit_logs HAVING count(*) > 10000
SELECT stddev(x), variance(x), stddev_pop(x), var_pop(x), avg(x), corr(x, x) FROM (VALUES (1.5::float8)) t(x)
-- differs: `variance`, `stddev` of integers and of `numeric`
SELECT variance(x), stddev(x) FROM (VALUES (1), (2), (4)) t(x)
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY confidence), percentile_cont(0.95) WITHIN GROUP (ORDER BY processing_time_ms), percentile_cont(0.9) WITHIN GROUP (ORDER BY leaf_index) FROM ai_audit_logs
SELECT model_version, percentile_cont(0.5) WITHIN GROUP (ORDER BY confidence DESC), percentile_disc(0.25) WITHIN GROUP (ORDER BY confidence) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY model_version), percentile_disc(array[0.1,0.9]) WITHIN GROUP (ORDER BY leaf_index), mode() WITHIN GROUP (ORDER BY system_actor) FROM ai_audit_logs
SELECT percentile_cont(1.5) WITHIN GROUP (ORDER BY confidence) FROM ai_audit_logs
SELECT count(*) FILTER (WHERE overridden), count(*) FILTER (WHERE NOT overridden), avg(leaf_index) FILTER (WHERE leaf_index < 10), sum(leaf_index) FILTER (WHERE false) FROM ai_audit_logs
SELECT count(DISTINCT model_version) FILTER (WHERE confidence > 0.9), count(DISTINCT (model_id, model_version)) FROM ai_audit_logs
SELECT bool_and(consent_given), bool_or(overridden), every(human_reviewed) FROM ai_audit_logs
SELECT array_agg(leaf_index ORDER BY leaf_index DESC) FROM ai_audit_logs WHERE leaf_index < 5
SELECT array_agg(DISTINCT model_version ORDER BY model_version DESC), array_agg(request_id ORDER BY leaf_index) FILTER (WHERE leaf_index < 2) FROM ai_audit_logs
SELECT sum(DISTINCT data_retention_days), avg(DISTINCT data_retention_days), count(DISTINCT overridden) FROM ai_audit_logs
SELECT bit_and(leaf_index), bit_or(leaf_index), bit_xor(leaf_index) FROM ai_audit_logs WHERE leaf_index < 10
SELECT max(timestamp::date), min(timestamp::time), max(model_id), min(overridden::int) FROM ai_audit_logs
-- differs: what PostgreSQL refuses
SELECT max(overridden) FROM ai_audit_logs
SELECT sum(CASE WHEN overridden THEN 1 ELSE 0 END), avg(CASE WHEN overridden THEN 1.0 ELSE 0 END), avg(overridden::int), sum(CASE WHEN confidence > 0.9 THEN confidence::numeric END) FROM ai_audit_logs
SELECT confidence > 0.9 AS high, count(*), count(*) * 100.0 / sum(count(*)) OVER () FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT sum(x) FROM (VALUES (9223372036854775807), (1)) t(x)
SELECT sum(x) FROM (VALUES ('NaN'::float8), (1)) t(x)
SELECT min(x), max(x) FROM (VALUES ('NaN'::float8), (1), (NULL), ('-Infinity')) t(x)
SELECT avg(x), sum(x) FROM (VALUES (1), (2), (NULL)) t(x)
SELECT avg(x), sum(x), min(x) FROM (VALUES (0.1), (0.2), (0.3)) t(x)
SELECT x, count(*) FROM (VALUES ('NaN'::float8), ('NaN'), (1)) t(x) GROUP BY x ORDER BY x
SELECT max(confidence) - min(confidence), max(leaf_index) % 7, count(*) / 7, count(*) / 7.0 FROM ai_audit_logs
SELECT model_version, count(*) FROM ai_audit_logs GROUP BY model_version HAVING avg(confidence) > 0.5 AND count(*) > 10 ORDER BY count(*) DESC, model_version
SELECT sum(sum(leaf_index)) OVER (ORDER BY model_version) FROM ai_audit_logs GROUP BY model_version ORDER BY 1
-- differs: what PostgreSQL refuses
SELECT any_value(model_id) FROM ai_audit_logs
-- differs: what PostgreSQL refuses
SELECT count(model_version, model_id) FROM ai_audit_logs
