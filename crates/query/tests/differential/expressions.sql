SELECT count(*) FROM ai_audit_logs WHERE confidence < 0.7
SELECT date(timestamp) d, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT floor(confidence*10)/10 b, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT round(confidence::numeric, 2) r, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT round(avg(confidence)::numeric, 4) FROM ai_audit_logs
SELECT input_features->'age' FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT (input_features->>'age')::int + 1 FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT (input_features->'age')::int FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT (input_features->>'nothere') IS NULL FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT input_features->'applicant'->>'email' IS NOT NULL, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT input_features#>'{applicant,name}' IS NULL, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT jsonb_typeof(input_features->'age'), count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT jsonb_typeof(prediction->'approved'), count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT explanation->'top_features'->-1->>'feature', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT explanation->'top_features'->0->>'importance' FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT (explanation->'top_features'->0->>'importance')::float8 FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT prediction->>'approved' = 'true' AND overridden, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT count(*) FROM ai_audit_logs WHERE NOT (prediction->>'approved' = 'true')
SELECT count(*) FROM ai_audit_logs WHERE prediction->>'approved' IS DISTINCT FROM 'true'
SELECT count(*) FROM ai_audit_logs WHERE override_reason NOT IN ('x')
SELECT count(*) FROM ai_audit_logs WHERE override_reason NOT IN ('x', NULL)
SELECT count(*) FROM ai_audit_logs WHERE user_id LIKE 'user\_120%'
SELECT count(*) FROM ai_audit_logs WHERE user_id SIMILAR TO 'user_120(0|1)%'
SELECT count(*) FROM ai_audit_logs WHERE explanation->>'reasoning' ~ '^Approved'
SELECT count(*) FROM ai_audit_logs WHERE explanation->>'reasoning' !~* 'AGE \d+'
SELECT substring(explanation->>'reasoning' from 'put at (\d+)%') s FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT split_part(user_id, '_', 2) FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT regexp_replace(user_id, '[0-9]+', '#') FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT length(explanation->>'reasoning') FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT upper(model_id), lower(model_type), initcap(model_id) FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT date_trunc('hour', timestamp) h, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT date_trunc('month', timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT date_trunc('week', timestamp) h, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT extract(dow FROM timestamp) h, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT extract(isodow FROM timestamp) h, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT extract(week FROM timestamp) h, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT extract(epoch FROM timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT extract(second FROM timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT date_part('quarter', timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT timestamp::date FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT timestamp::time FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT timestamp AT TIME ZONE 'UTC' FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT timestamp AT TIME ZONE 'America/New_York' FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT (timestamp AT TIME ZONE 'America/New_York')::date, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1 LIMIT 5
SELECT date_trunc('day', timestamp, 'America/New_York') d, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1 LIMIT 3
SELECT timestamp + interval '1 month' FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT timestamp - interval '36 hours 5 minutes' FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT max(timestamp) - min(timestamp) FROM ai_audit_logs
SELECT date '2026-11-20' - date '2026-11-01'
SELECT date '2026-11-20' + 3
SELECT '2026-11-20 10:00'::timestamp < '2026-11-20 11:00'::timestamp
SELECT '2026-11-20 10:00+02'::timestamptz
SELECT timestamptz '2026-11-20 10:00:00 Europe/Berlin'
SELECT to_timestamp(1763600000)
SELECT to_timestamp('20 11 2026', 'DD MM YYYY')
SELECT to_date('2026-11-20', 'YYYY-MM-DD')
SELECT make_date(2026, 2, 3)
SELECT interval '90 minutes'
SELECT justify_hours(interval '27 hours')
SELECT 7/2, 7%3, -7/2, -7%3, 7.0/2, 2^10, |/ 16
SELECT round(2.5), round(-2.5), round(2.5::float8), round(3.5::float8), trunc(-2.7), ceil(2.1), floor(-2.1), sign(-3)
SELECT round(1234.567, -2), round(1234.567, 1)
SELECT mod(10, 3), exp(1), ln(10), log(100), sqrt(2), abs(-1.5)
SELECT 0.1 + 0.2, 0.1::float8 + 0.2::float8
SELECT 1e400::float8
SELECT 'NaN'::float8 > 1, 'Infinity'::float8
SELECT 2147483647::int + 1
SELECT 1/0
SELECT 1.0/0
SELECT NULL = NULL, NULL IS NULL, NULL AND false, NULL OR true
SELECT coalesce(NULL, 1), nullif(1, 1), greatest(1, NULL, 3), least(2, NULL)
SELECT 'a' || NULL, concat('a', NULL, 'b'), concat_ws('-', 'a', NULL, 'b')
SELECT 'abc' < 'ABC', 'a' = 'a ', 'é' = 'e'
SELECT position('b' in 'abc'), strpos('abc', 'c'), left('abc', 2), right('abc', 2), left('abc', -1)
SELECT lpad('7', 3, '0'), rpad('x', 3, '-'), repeat('ab', 2), reverse('abc'), translate('abc', 'ab', 'xy')
SELECT trim('  x '), ltrim('xxa', 'x'), rtrim('axx', 'x'), btrim('xax', 'x')
SELECT ascii('A'), chr(65), md5('a'), char_length('日本')
SELECT encode('abc'::bytea, 'hex'), encode('abc'::bytea, 'base64')
SELECT string_agg(DISTINCT model_version, ',' ORDER BY model_version) FROM ai_audit_logs
SELECT array_agg(DISTINCT model_version ORDER BY model_version) FROM ai_audit_logs
SELECT array_length(array[1,2,3], 1), cardinality(array[1,2]), array[1,2] || 3, 2 = ANY(array[1,2])
SELECT unnest(array[1,2,3])
SELECT bool_and(overridden), bool_or(overridden), every(consent_given) FROM ai_audit_logs
-- rounded: the last digits of sums of doubles
SELECT stddev(confidence), stddev_pop(confidence), var_samp(confidence), var_pop(confidence) FROM ai_audit_logs
-- rounded: the last digits of sums of doubles
SELECT corr(confidence, processing_time_ms), covar_pop(confidence, processing_time_ms), regr_slope(confidence, processing_time_ms) FROM ai_audit_logs
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY confidence), percentile_cont(0.95) WITHIN GROUP (ORDER BY processing_time_ms) FROM ai_audit_logs
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY confidence) FROM ai_audit_logs
SELECT percentile_cont(array[0.25,0.75]) WITHIN GROUP (ORDER BY confidence) FROM ai_audit_logs
SELECT mode() WITHIN GROUP (ORDER BY model_version) FROM ai_audit_logs
SELECT count(DISTINCT user_id), count(DISTINCT (model_id, model_version)) FROM ai_audit_logs
SELECT model_version, count(*) FILTER (WHERE confidence > 0.8), sum(CASE WHEN overridden THEN 1 ELSE 0 END) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT user_id, row_number() OVER (PARTITION BY user_id ORDER BY timestamp), rank() OVER (ORDER BY confidence DESC) FROM ai_audit_logs ORDER BY timestamp LIMIT 5
SELECT sum(confidence) OVER (ORDER BY leaf_index ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT ntile(4) OVER (ORDER BY confidence), lead(confidence) OVER (ORDER BY leaf_index), first_value(confidence) OVER (ORDER BY leaf_index), percent_rank() OVER (ORDER BY confidence), cume_dist() OVER (ORDER BY confidence) FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT model_version, overridden, count(*), grouping(overridden) FROM ai_audit_logs GROUP BY ROLLUP(model_version, overridden) ORDER BY 1, 2, 3
SELECT model_version, overridden, count(*) FROM ai_audit_logs GROUP BY CUBE(model_version, overridden) ORDER BY 1, 2, 3
SELECT model_version FROM ai_audit_logs GROUP BY 1 HAVING count(*) > 500 ORDER BY 1
SELECT override_reason FROM ai_audit_logs ORDER BY override_reason LIMIT 2
SELECT override_reason FROM ai_audit_logs ORDER BY override_reason DESC LIMIT 2
SELECT override_reason FROM ai_audit_logs ORDER BY override_reason DESC NULLS LAST, leaf_index LIMIT 2
SELECT DISTINCT model_version FROM ai_audit_logs ORDER BY 1
SELECT DISTINCT ON (model_version) model_version, decision_id FROM ai_audit_logs ORDER BY model_version, timestamp DESC
SELECT model_version FROM ai_audit_logs UNION SELECT model_id FROM ai_audit_logs ORDER BY 1
SELECT decision_id FROM ai_audit_logs EXCEPT SELECT decision_id FROM ai_audit_logs WHERE leaf_index > 5 ORDER BY 1
SELECT count(*) FROM ai_audit_logs a WHERE EXISTS (SELECT 1 FROM ai_audit_logs b WHERE b.user_id = a.user_id AND b.leaf_index <> a.leaf_index)
SELECT count(*) FROM ai_audit_logs a JOIN ai_audit_logs b USING (user_id)
SELECT a.decision_id, (SELECT count(*) FROM ai_audit_logs b WHERE b.user_id = a.user_id) FROM ai_audit_logs a ORDER BY a.leaf_index LIMIT 3
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < 5) SELECT sum(n) FROM r
WITH x AS (SELECT model_version v, count(*) n FROM ai_audit_logs GROUP BY 1) SELECT v, n, n::float/sum(n) OVER () FROM x ORDER BY v
SELECT * FROM (VALUES (1,'a'),(2,'b')) t(x,y) ORDER BY x
SELECT g, count(*) FROM generate_series(1,3) g GROUP BY g ORDER BY g
SELECT d::date FROM generate_series(timestamp '2026-11-01', timestamp '2026-11-03', interval '1 day') d ORDER BY 1
SELECT CASE WHEN confidence > 0.9 THEN 'hi' WHEN confidence > 0.5 THEN 'mid' ELSE 'lo' END c, count(*) FROM ai_audit_logs GROUP BY c ORDER BY c
SELECT confidence BETWEEN 0.5 AND 0.6, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT count(*) FROM ai_audit_logs WHERE timestamp >= '2026-11-01' AND timestamp < '2026-11-02'
SELECT count(*) FROM ai_audit_logs WHERE timestamp::date = '2026-11-03'
SELECT count(*) FROM ai_audit_logs WHERE timestamp > now() - interval '7 days'
SELECT count(*) FROM ai_audit_logs WHERE timestamp > current_date - 7
SELECT count(*) FROM ai_audit_logs WHERE (input_features->>'credit_amount')::numeric > 5000
SELECT count(*) FROM ai_audit_logs WHERE input_features->'credit_amount' > '5000'
SELECT count(*) FROM ai_audit_logs WHERE input_features->'gender' = '"female"'
SELECT count(*) FROM ai_audit_logs WHERE input_features->>'has_telephone' = 'true'
SELECT count(*) FROM ai_audit_logs WHERE (input_features->>'has_telephone')::boolean
SELECT input_features->>'purpose' p, round(100.0 * count(*) FILTER (WHERE prediction->>'approved'='true') / count(*), 1) FROM ai_audit_logs GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5
SELECT input_features - 'applicant' IS NOT NULL FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT metadata->>'fold', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT human_decision->>'approved', count(*) FROM ai_audit_logs WHERE human_reviewed GROUP BY 1 ORDER BY 1
SELECT human_decision IS NULL, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT alternative_predictions->0->'value'->>'approved', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT alternative_predictions->0->>'confidence' FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT jsonb_array_length(alternative_predictions), count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT prediction::text FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT input_features->>'applicant' IS NOT NULL FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT cast(input_features->>'age' AS smallint), cast(confidence AS numeric(3,2)), cast(confidence AS real) FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT cast(0.7637 AS numeric(5,2)), cast('12' AS int), cast(12 AS text), cast('t' AS boolean), cast(1 AS boolean)
SELECT '12abc'::int
SELECT ' 12 '::int
SELECT '1e3'::float8, '1e3'::numeric
SELECT 'yes'::boolean, 'off'::boolean, 'f'::boolean
SELECT 1 WHERE 'a' IN (SELECT model_id FROM ai_audit_logs)
SELECT count(*) FROM ai_audit_logs TABLESAMPLE SYSTEM (100)
SELECT count(*) FROM ai_audit_logs LIMIT ALL
SELECT decision_id FROM ai_audit_logs ORDER BY confidence DESC, decision_id OFFSET 3 ROWS FETCH FIRST 2 ROWS ONLY
SELECT current_user IS NOT NULL, version() IS NOT NULL
SELECT avg(processing_time_ms)::int, sum(data_retention_days), avg(data_retention_days) FROM ai_audit_logs
SELECT count(*) FROM ai_audit_logs WHERE model_version > '1.0.0'
SELECT to_char(timestamp, 'YYYY-MM-DD HH24:MI') FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT to_char(confidence, '0.00') FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT jsonb_extract_path_text(input_features, 'applicant', 'name') IS NULL FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT input_features ?& array['age','gender'], input_features ?| array['zzz'] FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT jsonb_object_agg(model_version, n) FROM (SELECT model_version, count(*) n FROM ai_audit_logs GROUP BY 1 ORDER BY 1) x
